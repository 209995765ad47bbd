"""Ways between processes that a test can cut, or freeze as SIGSTOP or a lost cable does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.conftest import find_free_port


class Way:
    """Relays connections to a port of loopback, and answers for it at `port` of its own."""

    def __init__(self, target: int) -> None:
        self.port = find_free_port()
        self._target = target
        self._flows = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """For HTTP."""
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Let everything through, also what waited while it was frozen."""
        self._flows.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)

    async def freeze(self) -> None:
        """Let nothing through: connections are accepted and stay, and nobody says a word."""
        self._flows.clear()

    async def cut(self) -> None:
        """Reset all connections and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._flows.wait()
            with suppress(OSError):
                back, forth = await asyncio.open_connection("127.0.0.1", self._target)
                self._writers.add(forth)
                await asyncio.gather(self._pump(reader, forth), self._pump(back, writer))
        finally:
            writer.transport.abort()
            self._writers.discard(writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Either end takes the other with it."""
        with suppress(OSError):
            while some := await reader.read(65536):
                await self._flows.wait()
                writer.write(some)
                await writer.drain()
        self._writers.discard(writer)
        writer.close()


@asynccontextmanager
async def way_to(target: int) -> AsyncIterator[Way]:
    """An open way."""
    way = Way(target)
    await way.open()
    try:
        yield way
    finally:
        await way.open()
        await way.cut()
