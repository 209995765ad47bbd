"""Who of several orchestrators acts: the one whose lease at config has not ended."""

from __future__ import annotations

import asyncio
import time

import structlog

from scrapr.client.config import ConfigClient
from scrapr.model.errors import ScraprError, Unavailable
from scrapr.model.lease import LeaseRequest
from scrapr.runtime import backoff
from scrapr.runtime.trigger import Trigger

log = structlog.get_logger()
NAME = "orchestrator"
RENEWALS = 3
"""Renewals within a lease: one may fail, and one be late."""
MARGIN = 0.2
"""The share of a lease in which its holder acts no more, for an act that has begun takes its time."""


class Leadership:
    """This process's lease. `changed` is pulled when it is gained or lost.

    What counts is the time since the lease was asked for, by the clock of this process that cannot be set.
    """

    def __init__(self, config: ConfigClient, container: str) -> None:
        self._config = config
        self._container = container
        self._until = 0.0
        self._epoch = 0
        self._given_back = False
        self.leader: str | None = None
        """Who leads, as far as is known."""
        self.changed = Trigger()

    @property
    def epoch(self) -> int:
        """That of the lease which this process held last."""
        return self._epoch

    def remaining(self) -> float:
        """Seconds for which this process may still act; 0 where it does not lead."""
        return 0.0 if self._given_back else max(0.0, self._until - time.monotonic())

    def holds(self) -> bool:
        """Whether this process may act now."""
        return self.remaining() > 0

    async def hold(self) -> None:
        """Ask for the lease again and again, until cancelled."""
        failures = 0
        while not self._given_back:
            try:
                pause = await self._ask()
                failures = 0
            except ScraprError as error:
                failures += 1
                pause = backoff.delay(failures, most=1.0)
                self._tell(self.holds(), reason=error.detail)
            await asyncio.sleep(pause)

    async def give_back(self) -> None:
        """Act no more, so that another can at once."""
        led, self._given_back = self.holds(), True
        if not led:
            return
        try:
            await self._config.give_back_lease(NAME, self._container)
        except Unavailable as error:
            log.warning("lease not given back", reason=error.detail)

    async def _ask(self) -> float:
        """Ask once; gives the seconds after which to ask again."""
        asked_at = time.monotonic()
        lease = await self._config.lease(NAME, LeaseRequest(container=self._container))
        self.leader = lease.container
        if lease.container == self._container:
            self._until = asked_at + lease.seconds * (1 - MARGIN)
            self._epoch = lease.epoch
        else:
            self._until = 0.0
        self._tell(self.holds())
        return lease.seconds / RENEWALS

    _led = False

    def _tell(self, leads: bool, *, reason: str | None = None) -> None:
        if leads == self._led:
            return
        self._led = leads
        log.info("leads" if leads else "leads no more", leader=self.leader, epoch=self._epoch, reason=reason)
        self.changed.pull()
