"""A process starts, is ready, drains by deadlines, and tells with its exit code how that went."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from scrapr.model.errors import Refused, Unavailable
from scrapr.runtime import backoff, loops
from scrapr.runtime.lifecycle import Exit, Lifecycle, State, start_unless_stopped
from scrapr.runtime.loops import Loop
from scrapr.runtime.settings import DrainSettings
from scrapr.runtime.trigger import Trigger

QUICK = DrainSettings(notice=0, grace=0.2, cancel=0.1, close=0.1)


async def nothing() -> None:
    """Release nothing."""


async def for_ever() -> None:
    """Run until cancelled."""
    await asyncio.Event().wait()


async def live(
    *loops: Callable[[], Awaitable[None]],
    stop: asyncio.Event,
    release: Callable[[], Awaitable[None]] = nothing,
) -> tuple[Exit, Lifecycle]:
    """A process with these loops: how it ended."""
    lifecycle = Lifecycle(QUICK)
    named = [Loop(f"loop {number}", run) for number, run in enumerate(loops)]
    return await lifecycle.live(named, stop=stop, release=release), lifecycle


async def test_a_process_that_is_asked_to_stop_gives_back_what_it_holds_and_exits_with_0() -> None:
    stop, steps = asyncio.Event(), []

    async def work() -> None:
        stop.set()
        try:
            await for_ever()
        finally:
            steps.append("cancelled")

    async def release() -> None:
        steps.append("released")

    code, lifecycle = await live(work, stop=stop, release=release)
    assert (code, lifecycle.state) == (Exit.ASKED, State.STOPPED)
    assert steps == ["released", "cancelled"]


async def test_the_death_of_a_loop_ends_the_process_with_1_after_it_has_released() -> None:
    released = asyncio.Event()

    async def die() -> None:
        raise ZeroDivisionError

    async def release() -> None:
        released.set()

    code, _ = await live(die, for_ever, stop=asyncio.Event(), release=release)
    assert code is Exit.FAILED
    assert released.is_set()


async def test_a_loop_that_is_unavailable_is_tried_again() -> None:
    stop, tries = asyncio.Event(), []

    async def work() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise Unavailable("not yet")
        stop.set()
        await for_ever()

    code, _ = await live(work, stop=stop)
    assert (code, len(tries)) == (Exit.ASKED, 3)


async def test_a_loop_tells_once_that_it_is_lost_and_once_that_it_has_recovered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loops, "CONTACT", 0.05)
    stop, tries = asyncio.Event(), []

    async def work() -> None:
        tries.append(1)
        if len(tries) < 4:
            raise Unavailable("not yet")
        asyncio.get_running_loop().call_later(0.2, stop.set)
        await for_ever()

    with capture_logs() as told:
        await live(work, stop=stop)
    assert [line["event"] for line in told if "loop" in line] == ["lost", "recovered"]


async def test_a_loop_that_is_done_is_no_death() -> None:
    stop = asyncio.Event()

    async def done() -> None:
        asyncio.get_running_loop().call_later(0.01, stop.set)

    code, _ = await live(done, stop=stop)
    assert code is Exit.ASKED


async def test_work_that_does_not_end_within_its_deadlines_is_told_with_3() -> None:
    stop = asyncio.Event()
    stop.set()
    let_go = asyncio.Event()

    async def stubborn() -> None:
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue

    code, _ = await live(stubborn, stop=stop)
    assert code is Exit.DEADLINE
    let_go.set()
    code, _ = await live(stop=stop, release=for_ever)
    assert code is Exit.DEADLINE


async def test_a_start_waits_for_what_is_unavailable_and_gives_up_when_asked_to_stop() -> None:
    tries: list[int] = []

    async def second_time() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise Unavailable("not yet")
        return "started"

    async def never() -> str:
        stop.set()
        raise Unavailable("never")

    stop = asyncio.Event()
    assert await start_unless_stopped(second_time, stop) == "started"
    assert await start_unless_stopped(never, stop) is None


async def test_a_start_that_is_refused_is_not_tried_again() -> None:
    async def refuse() -> None:
        raise Refused("wrong")

    with pytest.raises(Refused):
        await start_unless_stopped(refuse, asyncio.Event())


async def test_many_pulls_are_one() -> None:
    trigger = Trigger()
    trigger.pull()
    trigger.pull()
    assert await trigger.wait(0.01)
    assert not await trigger.wait(0.01)


def test_waits_grow_to_a_bound_and_are_never_none() -> None:
    for failures in range(1, 100):
        assert 0.05 <= backoff.delay(failures, first=0.1, most=5) <= 5
