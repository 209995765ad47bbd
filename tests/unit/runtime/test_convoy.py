"""What waits leaves together, in order; an error reaches all of a convoy; who is cancelled takes nobody along."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from scrapr.runtime.convoy import Convoy
from tests.endings import end


class Road:
    """Where convoys go: each waits at the gate, or at its own; those with a "bad" load raise."""

    def __init__(self, *, most: int = 10) -> None:
        self.convoys: list[list[str]] = []
        self.gate = asyncio.Event()
        self.own: dict[int, asyncio.Event] = {}
        self.second = asyncio.Event()
        self.convoy: Convoy[str] = Convoy(self._lead, most=most)

    async def _lead(self, loads: Sequence[str]) -> None:
        self.convoys.append(list(loads))
        if len(self.convoys) == 2:
            self.second.set()
        await self.own.get(len(self.convoys), self.gate).wait()
        if "bad" in loads:
            raise ValueError(loads)

    async def join(self, *loads: str, weight: int = 1) -> list[asyncio.Task[None]]:
        """Let them join, one after the other; those of the first convoy are under way when this returns."""
        loop = asyncio.get_running_loop()
        tasks: list[Any] = [loop.create_task(self.convoy.join(load, weight)) for load in loads]
        await asyncio.sleep(0)
        return tasks


async def test_the_first_leaves_at_once_and_what_waits_leaves_together() -> None:
    road = Road()
    tasks = await road.join("a", "b", "c")
    assert road.convoys == [["a"]]
    road.gate.set()
    await asyncio.gather(*tasks)
    assert road.convoys == [["a"], ["b", "c"]]


async def test_a_convoy_has_a_greatest_weight_that_only_one_alone_may_pass() -> None:
    road = Road(most=2)
    tasks = await road.join("a", "b", "c", "d") + await road.join("huge", weight=5) + await road.join("e")
    road.gate.set()
    await asyncio.gather(*tasks)
    assert road.convoys == [["a"], ["b", "c"], ["d"], ["huge"], ["e"]]


async def test_an_error_is_that_of_all_in_the_convoy_and_of_no_other() -> None:
    road = Road(most=2)
    tasks = await road.join("a", "bad", "b", "c")
    road.gate.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), ValueError, ValueError, type(None)]


async def test_whoever_waits_and_is_cancelled_is_left_out() -> None:
    road = Road()
    first, gone, other = await road.join("a", "gone", "b")
    await end(gone)
    road.gate.set()
    await asyncio.gather(first, other)
    assert road.convoys == [["a"], ["b"]]


async def test_those_whose_leader_is_cancelled_go_with_the_next() -> None:
    road = Road()
    road.own[2] = asyncio.Event()
    first, leader, other = await road.join("a", "leader", "b")
    road.gate.set()
    await first
    await road.second.wait()
    await end(leader)
    await other
    assert road.convoys == [["a"], ["leader", "b"], ["b"]]
