"""What `scrapr up` starts, it starts again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import structlog

from scrapr.embedded import plan, restart
from scrapr.model import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from scrapr.embedded.plan import Tenure
    from scrapr.fleet.fleet import Fleet
    from scrapr.fleet.replica import Replica, ReplicaSpec
    from scrapr.runtime.trigger import Trigger

SAFETY = 5.0
"""Seconds after which the replicas are looked at even if nothing was reported."""
RETRY = 0.2
"""Seconds until a fleet that does not answer is asked again."""

log = structlog.get_logger(__name__)


class Mortal(Protocol):
    """A child whose end can be awaited."""

    async def exited(self) -> int:
        """Wait until it has exited; return its exit code."""


M = TypeVar("M", bound=Mortal)


class Kept(Generic[M]):
    """A child that is started, and started again whenever it dies, until it is stopped."""

    def __init__(
        self,
        name: str,
        start: Callable[[], AbstractAsyncContextManager[M]],
        group: asyncio.TaskGroup,
        *,
        longest_pause: float,
        on_up: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._start = start
        self._longest_pause = longest_pause
        self._on_up = on_up
        self._child: M | None = None
        self._first: asyncio.Future[M] = asyncio.get_running_loop().create_future()
        self._task = group.create_task(self._keep(), name=name)

    async def up(self) -> M:
        """Wait for the first start; raises what kept it from starting."""
        return await asyncio.shield(self._first)

    async def stop(self) -> bool:
        """Stop the child; return when it is gone: whether by itself, without SIGKILL."""
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._first.cancel() and not self._first.cancelled():
            # Seen, also if nobody waited for it: another child's failure may have come first.
            self._first.exception()
        return self._child is None or await self._child.exited() != -signal.SIGKILL

    async def _keep(self) -> None:
        young = 0
        while True:
            began = time.monotonic()
            try:
                await self._live()
            except errors.ScraprError as e:
                if not self._first.done():
                    self._first.set_exception(e)
                    return
                log.error("not started", name=self._name, reason=e.detail)
            young = restart.count_young(young, time.monotonic() - began)
            await asyncio.sleep(restart.pause(young, self._longest_pause))

    async def _live(self) -> None:
        async with self._start() as child:
            self._child = child
            if self._first.done():
                log.info("started again", name=self._name)
            else:
                self._first.set_result(child)
            self._on_up()
            code = await child.exited()
            self._child = None
            log.error("died", name=self._name, exit_code=code)


async def keep_replicas(
    fleet: Fleet, specs: Sequence[ReplicaSpec], trigger: Trigger, *, longest_pause: float
) -> None:
    """Start the replicas, and again when they die; looks at the fleet whenever the trigger is pulled."""
    tenures: Mapping[str, Tenure] = {}
    while True:
        try:
            replicas = await fleet.replicas()
            now = plan.plan(specs, replicas, tenures, datetime.now(UTC), longest_pause=longest_pause)
            tenures = now.tenures
            for spec in now.start:
                replica = await fleet.start(spec)
                log.info("started", name=replica.name, pid=replica.pid)
            wake_in = SAFETY if now.wake_in is None else min(now.wake_in, SAFETY)
        except errors.ScraprError as e:
            log.warning("fleet does not start replicas", reason=e.detail)
            wake_in = RETRY
        await trigger.wait(wake_in)


async def pull_on_changes(fleet: Fleet, trigger: Trigger, log_of: Callable[[str], Path] | None) -> None:
    """Pull the trigger when a replica starts or exits; `log_of` a name is the file that may say why."""
    async with contextlib.aclosing(fleet.changes()) as changes:
        async for replica in changes:
            if replica.state == "exited":
                _tell_exit(replica, log_of)
            trigger.pull()


def _tell_exit(replica: Replica, log_of: Callable[[str], Path] | None) -> None:
    tell = log.warning if replica.exit_code else log.info
    where = {} if log_of is None else {"log": str(log_of(replica.name))}
    tell("replica exited", name=replica.name, pid=replica.pid, exit_code=replica.exit_code, **where)
