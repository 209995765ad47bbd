"""The agenda: which collections have work, each of them in one worker's hands at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

REST = 0.7
"""The rest for each second that a name was in hand. Measured (`bench.data`): with none, whoever posts batch after batch
is acknowledged at half of what MongoDB takes; with 1, rests and reductions make each other longer."""


class Agenda:
    """Names are marked by whoever hears of work, and taken by workers; marking a name often is marking it once.

    What is marked while nobody works on it is handed out at once. What is marked while somebody does rests until
    `gather` seconds after it was handed out, and longer if it was long in hand: what comes meanwhile is done together,
    and whoever brings it finds a machine that is not only busy with what was brought before.
    """

    def __init__(self, *, gather: float) -> None:
        self._gather = gather
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._marked: set[str] = set()
        self._taken: set[str] = set()
        self._resting: set[str] = set()
        self._urgent: set[str] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    @property
    def settled(self) -> bool:
        """Whether all that was marked is done."""
        return not self._marked and not self._taken

    def mark(self, name: str, *, urgent: bool = False) -> None:
        """There is work for `name`, or may be.

        Of what is `urgent` so much waits already that nothing is gathered; it rests only if more comes meanwhile.
        """
        if urgent and name in self._taken:
            self._urgent.add(name)
            return
        if name in self._marked:
            return
        self._marked.add(name)
        if name not in self._taken and name not in self._resting:
            self._hand_out(name)

    @asynccontextmanager
    async def next(self) -> AsyncIterator[str]:
        """Wait for a name; it is nobody else's until the end of the block, and stays marked if that fails."""
        name = await self._queue.get()
        while self._closed:
            await asyncio.Event().wait()
        since = asyncio.get_running_loop().time()
        self._marked.discard(name)
        self._urgent.discard(name)
        self._taken.add(name)
        self._idle.clear()
        try:
            yield name
        except BaseException:
            self._marked.add(name)
            raise
        finally:
            self._give_back(name, since)

    def _give_back(self, name: str, since: float) -> None:
        self._taken.discard(name)
        if name in self._marked:
            self._resting.add(name)
            clock = asyncio.get_running_loop()
            rested = clock.time() + REST * (clock.time() - since)
            gathered = since if name in self._urgent else since + self._gather
            clock.call_at(max(rested, gathered), self._wake, name)
        elif name in self._urgent:
            self._marked.add(name)
            self._hand_out(name)
        if not self._taken:
            self._idle.set()

    def _wake(self, name: str) -> None:
        self._resting.discard(name)
        self._hand_out(name)

    def _hand_out(self, name: str) -> None:
        if not self._closed:
            self._queue.put_nowait(name)

    async def close(self) -> None:
        """Hand out no more, and wait until nothing is in anybody's hands."""
        self._closed = True
        await self._idle.wait()
