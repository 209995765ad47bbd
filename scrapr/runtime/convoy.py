"""Things that go the same way: what comes while one convoy is under way leaves with the next one, together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(eq=False)
class _Place(Generic[T]):
    load: T
    weight: int
    has_arrived: bool = False
    error: list[Exception] = field(default_factory=list)


class Convoy(Generic[T]):
    """One is under way at a time. Nothing waits for company: what finds none under way leaves at once.

    `lead` takes some loads where they go; what it raises, all of them raise. Together they weigh `most`, unless one
    alone weighs more. Whoever joins and finds none under way leads the next one, so that no task of its own is needed;
    if that one is cancelled, the others wait for the next.
    """

    def __init__(self, lead: Callable[[Sequence[T]], Awaitable[None]], *, most: int) -> None:
        self._lead = lead
        self._most = most
        self._waiting: deque[_Place[T]] = deque()
        self._road = asyncio.Lock()

    async def join(self, load: T, weight: int) -> None:
        """Return when `load` has arrived."""
        place = _Place(load, weight)
        self._waiting.append(place)
        try:
            async with self._road:
                while not place.has_arrived:
                    await self._go(list(self._line_up()))
        finally:
            if place in self._waiting:
                self._waiting.remove(place)
        for error in place.error:
            raise error

    def _line_up(self) -> Iterator[_Place[T]]:
        weight = 0
        while self._waiting and (not weight or weight + self._waiting[0].weight <= self._most):
            weight += self._waiting[0].weight
            yield self._waiting.popleft()

    async def _go(self, places: Sequence[_Place[T]]) -> None:
        try:
            await self._lead([place.load for place in places])
        except Exception as error:  # noqa: BLE001 - whatever it is, each of them raises it
            for place in places:
                place.error.append(error)
        except BaseException:
            self._waiting.extendleft(reversed(places))
            raise
        for place in places:
            place.has_arrived = True
