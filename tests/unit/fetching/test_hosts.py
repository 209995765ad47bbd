"""Turns at a host are given in order, paced, bounded, and never lost."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrapr.fetching import hosts
from scrapr.fetching.hosts import HostBusy, HostLimits, LocalHosts


async def enter(limits: HostLimits, host: str = "h", **changed: Any) -> hosts.Turn:
    return await limits.enter(host, **({"slots": 1, "interval": 0.0, "patience": 5.0} | changed))


async def test_a_free_host_is_entered_at_once() -> None:
    limits = LocalHosts()
    turns = [await enter(limits, slots=10) for _ in range(10)]
    assert all(turn.waited == {} for turn in turns)


async def test_those_who_wait_come_in_the_order_in_which_they_came() -> None:
    limits, order = LocalHosts(), []
    first = await enter(limits)

    async def visit(name: int) -> None:
        turn = await enter(limits)
        order.append(name)
        await limits.leave("h", turn)

    async with asyncio.TaskGroup() as group:
        for name in range(5):
            group.create_task(visit(name))
            await asyncio.sleep(0)
        await limits.leave("h", first)
    assert order == [0, 1, 2, 3, 4]


async def test_a_wait_that_would_be_too_long_is_refused_at_once_and_takes_nothing() -> None:
    limits = LocalHosts()
    await limits.leave("h", await enter(limits, interval=60))
    with pytest.raises(HostBusy) as caught:
        await enter(limits, interval=60, patience=1)
    assert 59 < caught.value.seconds <= 60
    await limits.hold("g", 0.05)
    turn = await enter(limits, "g")
    assert turn.waited["hold"] > 0


async def test_a_wait_for_a_slot_ends_with_the_patience() -> None:
    limits = LocalHosts()
    turn = await enter(limits)
    with pytest.raises(HostBusy):
        await enter(limits, patience=0.05)
    await limits.leave("h", turn)
    assert (await enter(limits)).waited == {}


async def test_a_hold_that_begins_while_one_waits_is_waited_for() -> None:
    limits = LocalHosts()
    await limits.leave("h", await enter(limits, interval=0.05))
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(enter(limits, interval=0.05))
        await asyncio.sleep(0)
        await limits.hold("h", 0.2)
        started = time.monotonic()
    assert time.monotonic() - started > 0.15
    assert waiting.result().waited["hold"] > 0.1


async def test_one_who_gives_up_leaves_the_turn_to_the_next() -> None:
    limits = LocalHosts()
    first = await enter(limits)
    async with asyncio.TaskGroup() as group:
        tired = group.create_task(enter(limits))
        patient = group.create_task(enter(limits))
        await asyncio.sleep(0)
        await limits.leave("h", first)  # wakes the one that is cancelled in the same moment
        tired.cancel()
        await asyncio.wait_for(patient, 30)


async def test_hosts_that_are_not_visited_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "STATES_SWEPT_AT", 100)
    limits = LocalHosts()
    kept = await enter(limits, "kept")
    for number in range(1_000):
        await limits.leave(str(number), await enter(limits, str(number)))
    assert len(limits._hosts) <= 101
    await limits.leave("kept", kept)


STEPS = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from(["stay", "cancel", "cancel late"])), min_size=1, max_size=12
)


@settings(deadline=None, max_examples=60)
@given(STEPS)
async def test_slots_are_never_overrun_nor_lost(steps: list[tuple[int, str]]) -> None:
    limits, inside, most = LocalHosts(), 0, 0

    async def visit(slots: int) -> None:
        nonlocal inside, most
        turn = await enter(limits, slots=slots)
        try:
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
        finally:
            inside -= 1
            await limits.leave("h", turn)

    tasks = []
    async with asyncio.TaskGroup() as group:
        for slots, fate in steps:
            tasks.append(group.create_task(visit(slots)))
            if fate == "cancel":
                tasks[-1].cancel()
            await asyncio.sleep(0)
            if fate == "cancel late":
                tasks[len(tasks) // 2].cancel()
    assert most <= 3
    assert inside == 0
    assert (await asyncio.wait_for(enter(limits), 30)).waited == {}
