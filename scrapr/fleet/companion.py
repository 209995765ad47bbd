"""A program that lives no longer than this process: a child with a name, a log and an ordered end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from typing import IO, TYPE_CHECKING

import structlog

from scrapr.fleet import deathsig
from scrapr.model import errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

log = structlog.get_logger(__name__)


class Companion:
    """A running child."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self._process = process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the number of the signal that killed it."""
        return self._process.returncode

    async def exited(self) -> int:
        """Wait until it has exited; return its exit code."""
        return await self._process.wait()

    async def stop(self, grace: float) -> None:
        """SIGTERM, SIGKILL after `grace` seconds; return when it is gone."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(grace):
                await self._process.wait()
        except TimeoutError:
            log.warning("companion killed", name=self.name, pid=self.pid, reason="its grace is over")
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


@contextlib.asynccontextmanager
async def running(
    name: str, command: Sequence[str], *, grace: float, output: Path | None = None
) -> AsyncIterator[Companion]:
    """Start a program and stop it when the block ends.

    It dies with this process, however that ends, and is out of reach of the terminal's Ctrl-C. `output` is a file that
    standard output and error are appended to; None: they are this process's own. Raises `errors.Unavailable` when it
    cannot be started.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("companions die with the thread that starts them, so only the main thread may")
    parent = os.getpid()
    with contextlib.ExitStack() as files:
        try:
            sink: IO[bytes] | None = None if output is None else files.enter_context(output.open("ab"))
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
                preexec_fn=lambda: deathsig.die_with(parent),
            )
        except OSError as e:
            raise errors.Unavailable(f"{name} cannot be started: {e}") from e
    companion = Companion(name, process)
    try:
        yield companion
    finally:
        await companion.stop(grace)
