"""Starting a server on a port that it keeps, until it answers."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrapr.embedded import ports
from scrapr.fleet import companion
from scrapr.model import errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from scrapr.embedded.folder import Folder
    from scrapr.fleet.companion import Companion

POLL = 0.01
"""Seconds between looks whether the server listens."""
ATTEMPTS = 8
DYING = 0.5
"""Seconds that a server which gave no answer has to end, so that its exit code can be told."""
LAST_WORDS = 5
"""Lines of the log that an error tells."""


@dataclass(frozen=True)
class Launch:
    """What is particular to a server."""

    name: str
    command: Callable[[int], list[str]]
    """The command line for a port."""
    greet: Callable[[int, int], Awaitable[None]]
    """Given port and process id, returns when the server is usable; raises `errors.Unavailable`.

    It must end by itself when nobody answers: a cancellation may come too late to reach a driver that is connecting.
    """
    url: Callable[[int], str]
    grace: float
    """Seconds for it to stop."""


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    companion: Companion

    async def exited(self) -> int:
        """Wait until it has exited; return its exit code."""
        return await self.companion.exited()


@contextlib.asynccontextmanager
async def started(launch: Launch, folder: Folder, within: float, *, same_port: bool) -> AsyncIterator[Server]:
    """Start the server and stop it when the block ends.

    A start that fails is repeated: a predecessor that was killed may still be letting go of its files. If the port that
    it had the last time is taken, it gets another, unless it needs the `same_port`. Raises `errors.Unavailable` with
    the server's last words.
    """
    async with contextlib.AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(within):
                server = await _start(launch, folder, stack, same_port)
        except TimeoutError as e:
            problem = f"{launch.name} did not start within {within:g} s"
            raise errors.Unavailable(f"{problem}; {_last_words(launch, folder)}") from e
        yield server


async def _start(launch: Launch, folder: Folder, stack: contextlib.AsyncExitStack, same_port: bool) -> Server:
    attempts = 0
    while True:
        attempts += 1
        try:
            return await stack.enter_async_context(_attempt(launch, folder, same_port))
        except errors.Unavailable as e:
            if attempts == ATTEMPTS:
                problem = f"{launch.name} did not start: {e.detail}"
                raise errors.Unavailable(f"{problem}; {_last_words(launch, folder)}") from e
        await asyncio.sleep(10 * POLL)


@contextlib.asynccontextmanager
async def _attempt(launch: Launch, folder: Folder, same_port: bool) -> AsyncIterator[Server]:
    port = ports.choose(folder.port(launch.name), same=same_port)
    log = folder.log(launch.name)
    async with companion.running(
        launch.name, launch.command(port), grace=launch.grace, output=log
    ) as process:
        await _usable(launch, port, process)
        ports.keep(folder.port(launch.name), port)
        yield Server(launch.url(port), process)


async def _usable(launch: Launch, port: int, process: Companion) -> None:
    """Return when the server is usable; raises `errors.Unavailable`, with its exit code if it has ended."""
    try:
        await _listening(port, process)
        await launch.greet(port, process.pid)
    except errors.Unavailable as e:
        # It may be about to end, or whoever holds its port may have answered in its place, or not at all.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DYING):
                await process.exited()
        raise e if process.exit_code is None else _ended(process) from e


async def _listening(port: int, process: Companion) -> None:
    while process.exit_code is None:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(ports.LOOPBACK, port)
            writer.close()
            return
        await asyncio.sleep(POLL)
    raise _ended(process)


def _ended(process: Companion) -> errors.Unavailable:
    return errors.Unavailable(f"it ended with exit code {process.exit_code}")


def _last_words(launch: Launch, folder: Folder) -> str:
    log = folder.log(launch.name)
    with contextlib.suppress(OSError):
        lines = log.read_bytes()[-8192:].decode(errors="replace").splitlines()[-LAST_WORDS:]
        return "\n".join([f"the end of {log}:", *lines])
    return f"{log} cannot be read"
