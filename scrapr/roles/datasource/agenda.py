"""The agenda: which collections have work, each of them in one worker's hands at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Agenda:
    """Names are marked by whoever hears of work, and taken by workers; marking a name often is marking it once."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._marked: set[str] = set()
        self._taken: set[str] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    @property
    def settled(self) -> bool:
        """Whether all that was marked is done."""
        return not self._marked and not self._taken

    def mark(self, name: str) -> None:
        """There is work for `name`, or may be."""
        if name in self._marked:
            return
        self._marked.add(name)
        if name not in self._taken and not self._closed:
            self._queue.put_nowait(name)

    @asynccontextmanager
    async def next(self) -> AsyncIterator[str]:
        """Wait for a name; it is nobody else's until the end of the block, and stays marked if that fails."""
        name = await self._queue.get()
        while self._closed:
            await asyncio.Event().wait()
        self._marked.discard(name)
        self._taken.add(name)
        self._idle.clear()
        try:
            yield name
        except BaseException:
            self._marked.add(name)
            raise
        finally:
            self._give_back(name)

    def _give_back(self, name: str) -> None:
        self._taken.discard(name)
        if name in self._marked and not self._closed:
            self._queue.put_nowait(name)
        if not self._taken:
            self._idle.set()

    async def close(self) -> None:
        """Hand out no more, and wait until nothing is in anybody's hands."""
        self._closed = True
        await self._idle.wait()
