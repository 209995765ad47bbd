"""A TCP proxy between two parts that makes bad weather: it is slow, resets connections, or swallows what they carry."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.conftest import find_free_port

CHUNK = 1 << 16
RESET_AT_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Weather:
    """What happens to each piece that a connection carries."""

    delay: float = 0.0
    """Seconds that it takes longer at most."""
    resets: float = 0.0
    """How likely half of it arrives and then the connection is reset."""
    is_silent: bool = False
    """It never arrives, nor does anything after it, and nobody closes the connection."""


CALM = Weather()


class Proxy:
    """Listens on `port` and connects to `target`, both of 127.0.0.1. Its `weather` may be changed at any time."""

    def __init__(self, target: int, dice: random.Random) -> None:
        self.port = find_free_port()
        self.weather = CALM
        self.broken: Counter[str] = Counter()
        """How many connections were reset, and how many became silent."""
        self._target = target
        self._dice = dice
        self._lines: set[asyncio.Task[None]] = set()
        """Nobody else refers to a line that is silent: it would be collected."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Pass connections on until the end of the block."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        serving = asyncio.start_server(self._pass_on, "127.0.0.1", self.port)
        server = asyncio.run_coroutine_threadsafe(serving, loop).result(30)
        try:
            yield
        finally:
            asyncio.run_coroutine_threadsafe(self._end(server), loop).result(30)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    async def _end(self, server: asyncio.Server) -> None:
        server.close()
        lines = list(self._lines)
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        self._lines.add(line)
        try:
            await self._connect(reader, writer)
        finally:
            self._lines.discard(line)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        line = _Line(self, writer, far_writer)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(line.carry(reader, far_writer))
                group.create_task(line.carry(far_reader, writer))
        finally:
            writer.transport.abort()
            far_writer.transport.abort()


class _Line:
    """The two connections of which one is passed on to the other."""

    def __init__(self, proxy: Proxy, *ends: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._ends = ends
        self._is_silent = False

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Bring what is read to the other side, as the weather has it."""
        with suppress(OSError):
            while chunk := await reader.read(CHUNK):
                if not await self._bring(chunk, writer):
                    return
        if not self._is_silent:
            writer.close()

    async def _bring(self, chunk: bytes, writer: asyncio.StreamWriter) -> bool:
        weather, dice = self._proxy.weather, self._proxy._dice
        if weather.is_silent and not self._is_silent:
            self._is_silent = True
            self._proxy.broken["silent"] += 1
        if self._is_silent:
            return True
        if weather.delay:
            await asyncio.sleep(dice.uniform(0, weather.delay))
        if dice.random() < weather.resets:
            self._proxy.broken["reset"] += 1
            writer.write(chunk[: len(chunk) // 2])
            await writer.drain()
            for end in self._ends:
                end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
                end.transport.abort()
            return False
        writer.write(chunk)
        await writer.drain()
        return True
