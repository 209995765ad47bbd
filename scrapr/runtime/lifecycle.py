"""The life of a process: starting, ready, draining, stopped; each step of the end has a named deadline.

Modelled on dskit's services (states) and hypercorn's shell (trigger, grace, deadline as parameters).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from enum import Enum, IntEnum
from itertools import count
from typing import Any, TypeVar

import structlog

from scrapr.model.errors import Unavailable
from scrapr.runtime import backoff
from scrapr.runtime.loops import Loop, persist
from scrapr.runtime.settings import DrainSettings

log = structlog.get_logger()
T = TypeVar("T")
CANCEL_AGAIN = 0.1
"""Seconds between two cancellations of the same task."""


class State(Enum):
    """Where a process is in its life; it only ever moves on."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    STOPPED = "stopped"


class Exit(IntEnum):
    """What a process tells with its exit code."""

    ASKED = 0
    """It was asked to stop and did."""
    FAILED = 1
    """A part of it died."""
    SETTINGS = 2
    """Its settings are wrong; nothing was started."""
    DEADLINE = 3
    """It was asked to stop and did not within its deadlines."""


class Lifecycle:
    """The state of this process; readable by its health routes."""

    def __init__(self, deadlines: DrainSettings) -> None:
        self.state = State.STARTING
        self._deadlines = deadlines

    async def live(
        self, loops: Sequence[Loop], *, stop: asyncio.Event, release: Callable[[], Awaitable[None]]
    ) -> Exit:
        """Run `loops` until `stop` is set or one dies, then drain; `release` gives back what is held.

        Returns even when a loop does not end within its deadline: then the caller must end the process.
        """
        tasks = [asyncio.create_task(persist(loop), name=loop.name) for loop in loops]
        self.state = State.READY
        log.info("ready")
        failure = await _first_death(tasks, stop)
        self.state = State.DRAINING
        drained = await self._drain(tasks, release)
        self.state = State.STOPPED
        if failure is not None:
            log.error("died", exc_info=failure)
            return Exit.FAILED
        return Exit.ASKED if drained else Exit.DEADLINE

    async def _drain(
        self, tasks: Sequence[asyncio.Task[None]], release: Callable[[], Awaitable[None]]
    ) -> bool:
        await asyncio.sleep(self._deadlines.notice)
        within_grace = await _within(self._deadlines.grace, release())
        late = await _cancel(tasks, within=self._deadlines.cancel)
        for task in late:
            log.error("deadline passed", step="cancel", loop=task.get_name())
        return within_grace and not late


async def start_unless_stopped(start: Callable[[], Awaitable[T]], stop: asyncio.Event) -> T | None:
    """What `start` gives, tried again while the world is `Unavailable`; None when `stop` is set before."""
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        for failures in count(1):
            starting = asyncio.ensure_future(start())
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
                return None
            if not isinstance(error := starting.exception(), Unavailable):
                return starting.result()
            log.warning("waiting to start", reason=error.detail)
            done, _ = await asyncio.wait({stopping}, timeout=backoff.delay(failures, most=2.0))
            if done:
                return None
    finally:
        stopping.cancel()
    return None


async def _cancel(tasks: Sequence[asyncio.Task[None]], *, within: float) -> set[asyncio.Task[None]]:
    """Cancel `tasks` again and again: on Python 3.11 `asyncio.wait_for`, and so PyMongo, may keep a cancellation.

    Returns those that are not done `within` seconds.
    """
    late = set(tasks)
    end = asyncio.get_running_loop().time() + within
    while late and (left := end - asyncio.get_running_loop().time()) > 0:
        for task in late:
            task.cancel()
        late = (await asyncio.wait(late, timeout=min(left, CANCEL_AGAIN)))[1]
    return late


async def _first_death(tasks: Sequence[asyncio.Task[None]], stop: asyncio.Event) -> BaseException | None:
    """Wait until `stop` is set (None) or a task fails (its error); tasks that just end are no news."""
    stopping = asyncio.create_task(stop.wait(), name="stop")
    waiting: set[asyncio.Task[Any]] = {stopping, *tasks}
    try:
        while not stopping.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if (error := task.exception()) is not None:
                    return error
    finally:
        stopping.cancel()
    return None


async def _within(seconds: float, step: Awaitable[None]) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await step
            return True
    log.error("deadline passed", step="grace")
    return False
