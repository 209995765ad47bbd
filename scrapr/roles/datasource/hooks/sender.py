"""The sender: each lane's oldest delivery is sent when its time has come; no receiver holds up another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter

import structlog

from scrapr.model.errors import Unavailable
from scrapr.model.times import now
from scrapr.roles.datasource.hooks import metrics, pace
from scrapr.roles.datasource.hooks.outbox import NEWS, Delivery, Outbox
from scrapr.roles.datasource.hooks.pace import Answer, Head, Verdict
from scrapr.roles.datasource.hooks.receiver import open_receivers
from scrapr.roles.datasource.hooks.registry import Registry
from scrapr.roles.datasource.hooks.settings import WebhookSettings
from scrapr.runtime import backoff
from scrapr.runtime.trigger import Trigger
from scrapr.storage.hearing import Ear
from scrapr.storage.mongo import Document

log = structlog.get_logger()
LEASE = 10.0
"""Seconds beyond the timeout after which a try whose sender died is made again."""


class Sender:
    """One replica's tries. A delivery belongs to whoever claimed it, for as long as a try may take."""

    def __init__(
        self,
        outbox: Outbox,
        registry: Registry,
        settings: WebhookSettings,
        *,
        reconcile: float,
        received: Callable[[str], None],
    ) -> None:
        self._outbox = outbox
        self._registry = registry
        self._settings = settings
        self._reconcile = reconcile
        self._received = received
        self._busy: dict[Head, asyncio.Task[None]] = {}
        self._news = Trigger()
        self._ended = False

    def pull(self) -> None:
        """Look for deliveries now."""
        self._news.pull()

    @property
    def ear(self) -> Ear:
        """For new deliveries."""
        return Ear(self._outbox.deliveries.name, NEWS, self._hear)

    async def _hear(self, _event: Document | None) -> None:
        self._news.pull()

    async def send(self) -> None:
        """Send what is due, until cancelled. What is under way then is sent once more by whoever comes next."""
        async with open_receivers(self._settings) as self._receivers, asyncio.TaskGroup() as group:
            failures = 0
            while True:
                try:
                    wait = await self._start_due(group)
                    failures = 0
                except Unavailable as error:
                    failures += 1
                    wait = backoff.delay(failures)
                    log.debug("outbox not read", reason=error.detail, failures=failures)
                await self._news.wait(timeout=min(wait, self._reconcile))

    async def release(self) -> None:
        """Begin no more tries, and let those under way end."""
        self._ended = True
        if self._busy:
            await asyncio.wait(self._busy.values())

    async def _start_due(self, group: asyncio.TaskGroup) -> float:
        if self._ended:
            return self._reconcile
        heads = await self._outbox.heads()
        chosen = pace.choose(heads, self._busy, now=now(), parallel=self._settings.parallel)
        for head in chosen.heads:
            task = group.create_task(self._try(head), name=f"deliver {head.id}")
            self._busy[head] = task
            metrics.SENDING.set(len(self._busy))
        return self._reconcile if chosen.wait is None else chosen.wait

    async def _try(self, head: Head) -> None:
        try:
            delivery = await self._outbox.claim(head, self._settings.timeout + LEASE)
            if delivery is not None:
                await self._deliver(delivery)
        except Unavailable as error:
            log.debug("delivery not noted", delivery=head.id, reason=error.detail)
        finally:
            del self._busy[head]
            metrics.SENDING.set(len(self._busy))
            self._news.pull()

    async def _deliver(self, delivery: Delivery) -> None:
        hook = await self._registry.hook(delivery.hook)
        if hook is None:
            await self._outbox.drop(delivery)
            return
        started = perf_counter()
        answer = await self._receivers.post(hook.url, hook.secret, delivery)
        metrics.SECONDS.observe(perf_counter() - started)
        verdict = self._judge(answer, delivery)
        metrics.DELIVERIES.labels(verdict.outcome).inc()
        await self._outbox.settle(delivery, verdict)
        if verdict.disables:
            await self._registry.disable(hook.id, verdict.reason)
        self._tell(delivery, verdict)
        if delivery.event == "items.changed" and verdict.outcome != "again":
            self._received(delivery.collection)

    def _judge(self, answer: Answer, delivery: Delivery) -> Verdict:
        settings = self._settings
        delay = backoff.delay(delivery.tries, first=settings.backoff_first, most=settings.backoff_most)
        return pace.judge(
            answer,
            created_at=delivery.created_at,
            now=now(),
            delay=delay,
            most=settings.backoff_most,
            give_up=settings.give_up,
        )

    def _tell(self, delivery: Delivery, verdict: Verdict) -> None:
        """Log the first failure and the end; the tries between are the metrics' and the debug log's."""
        told = {"webhook": delivery.hook, "delivery": delivery.id, "type": delivery.event}
        if verdict.outcome == "dead":
            log.error("webhook given up", **told, tries=delivery.tries, reason=verdict.reason)
        elif verdict.outcome == "again" and delivery.tries == 1:
            log.warning("webhook fails, to be tried again", **told, reason=verdict.reason)
        else:
            log.debug("webhook", **told, outcome=verdict.outcome, tries=delivery.tries, reason=verdict.reason)
