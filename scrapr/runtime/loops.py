"""Loops are the named, endless parts of a role; each survives an unavailable world."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from scrapr.model.errors import Unavailable
from scrapr.runtime import backoff

log = structlog.get_logger()
CONTACT = 10.0
"""Seconds without a failure after which a loop counts as recovered."""


@dataclass(frozen=True)
class Loop:
    """A coroutine that runs until it is cancelled; on drain it is cancelled between two pieces of work.

    `run` returns only when there is nothing left to do for this process's life.
    """

    name: str
    run: Callable[[], Awaitable[None]]


async def persist(loop: Loop) -> None:
    """Run `loop`, and again after each `Unavailable`; the change is logged once: lost, then recovered.

    Every other error ends the process: it is ours, and a restart is the cure.
    """
    clock = asyncio.get_running_loop()
    failures = 0
    while True:
        started = clock.time()
        recovery = clock.call_later(CONTACT, _tell_recovered, loop.name) if failures else None
        try:
            return await loop.run()
        except Unavailable as error:
            lost = error
        finally:
            if recovery:
                recovery.cancel()
        failures = 1 if clock.time() - started >= CONTACT else failures + 1
        if failures == 1:
            log.warning("lost", loop=loop.name, reason=lost.detail)
        await asyncio.sleep(max(lost.retry_after or 0, backoff.delay(failures)))


def _tell_recovered(name: str) -> None:
    log.info("recovered", loop=name)
