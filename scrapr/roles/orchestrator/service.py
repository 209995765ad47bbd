"""The loop that keeps what runs at what should run; woken by news, it always looks at the full state."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import structlog

from scrapr.client.config import ConfigClient
from scrapr.fleet.fleet import Fleet
from scrapr.fleet.replica import Replica
from scrapr.model.errors import Refused, Unavailable
from scrapr.model.pool import Pool
from scrapr.roles.orchestrator import metrics, nodes, report
from scrapr.roles.orchestrator.contact import Contact
from scrapr.roles.orchestrator.demand import Demand
from scrapr.roles.orchestrator.memory import Memory
from scrapr.roles.orchestrator.outfit import Outfit, is_ours
from scrapr.roles.orchestrator.plan import Action, Patience, Plan, Start, Stop, plan
from scrapr.roles.orchestrator.settings import OrchestratorSettings
from scrapr.runtime.trigger import Trigger

log = structlog.get_logger()
ROUND = 8
"""Actions between two looks at the fleet, so that a long scale-up does not delay a replacement."""
STOP_AGAIN = 1.0
"""Seconds after which a stop that the fleet did not carry out is tried again."""


class Orchestrator:
    """Reads pools from config and replicas from the fleet, and acts on the difference.

    Its memory is lost with it: the next one goes on from what runs.
    """

    def __init__(
        self,
        config: ConfigClient,
        fleet: Fleet,
        settings: OrchestratorSettings,
        outfit: Outfit,
        *,
        grace: float,
        token: str,
    ) -> None:
        self._fleet = fleet
        self._settings = settings
        self._outfit = outfit
        self._grace = grace
        self._patience = Patience(
            settings.cooldown, settings.settle, settings.backoff_first, settings.backoff_most
        )
        self._news = Trigger()
        self.demand = Demand(config, changed=self._news, resync=settings.resync, token=token)
        self._acting = asyncio.Lock()
        self._ended = False
        self._contact = Contact("fleet")
        self._replicas: tuple[Replica, ...] = ()
        self._memory = Memory()

    async def watch(self) -> None:
        """Hear of replicas that start and exit, until cancelled."""
        async for _ in self._fleet.changes():
            self._news.pull()

    async def reconcile(self) -> None:
        """Compare and act, at once and with all news, until cancelled. Stops are waited for beside."""
        async with asyncio.TaskGroup() as stops:
            while True:
                await self._news.wait(timeout=await self._look(stops))

    async def release(self) -> None:
        """Act no more; what runs goes on running."""
        async with self._acting:
            self._ended = True

    async def check_fleet(self) -> None:
        """Return when the fleet answers; raises `Unavailable`."""
        await self._fleet.replicas()

    async def report(self) -> report.PoolsReport:
        """What should run, what runs, and why not."""
        fleet = "ok"
        try:
            self._replicas = tuple(await self._fleet.replicas())
        except Unavailable as error:
            fleet = error.detail
        scene = report.Scene(
            self.demand.pools or (), self._replicas, self._outfit, self._patience, self._memory, _now()
        )
        return report.describe(scene, config=self.demand.contact.state, fleet=fleet)

    async def nodes(self) -> nodes.Nodes:
        """This machine, with how many replicas run, of whatever role."""
        running = sum(replica.state == "running" for replica in await self._fleet.replicas())
        return nodes.Nodes(nodes=(nodes.this_machine(running),))

    async def _look(self, stops: asyncio.TaskGroup) -> float:
        """One look, and what follows from it; gives the seconds after which to look again without news."""
        async with self._acting:
            pools = self.demand.pools
            if pools is None or self._ended:
                return self._settings.resync
            try:
                with metrics.RECONCILE.time():
                    return await self._reconcile(pools, stops)
            except Unavailable as error:
                return self._contact.lose(error.detail)

    async def _reconcile(self, pools: tuple[Pool, ...], stops: asyncio.TaskGroup) -> float:
        self._replicas = tuple(await self._fleet.replicas())
        self._contact.keep()
        made = self._plan(pools)
        self._measure(pools)
        for action in made.actions[:ROUND]:
            await self._act(action, stops)
        if len(made.actions) > ROUND:
            return 0.0
        return min(self._settings.resync, made.again or self._settings.resync)

    def _plan(self, pools: tuple[Pool, ...]) -> Plan:
        now = _now()
        specs = [spec for pool in pools for spec in self._outfit.specs(pool)]
        self._memory = self._memory.observe(specs, self._replicas, stable=self._settings.stable, now=now)
        return plan(
            pools,
            self._replicas,
            outfit=self._outfit,
            patience=self._patience,
            memory=self._memory,
            now=now,
        )

    async def _act(self, action: Action, stops: asyncio.TaskGroup) -> None:
        match action:
            case Start():
                await self._start(action)
            case Stop(replica=replica):
                self._memory = self._memory.note_leaving(replica)
                stops.create_task(self._stop(action), name=f"stop {replica.name}")

    async def _start(self, action: Start) -> None:
        spec, pool = action.spec, action.spec.labels["pool"]
        try:
            replica = await self._fleet.start(spec)
        except (Refused, Unavailable) as error:
            self._memory = self._memory.note_failed_start(spec.name, error.detail, _now())
            metrics.FAILURES.labels(pool).inc()
            log.warning("replica not started", replica=spec.name, pool=pool, reason=error.detail)
            self._news.pull()
            return
        if action.replaces:
            self._memory = self._memory.note_restart(spec.name)
            metrics.REPLACEMENTS.labels(pool).inc()
        metrics.ACTIONS.labels(pool, "start").inc()
        log.info("replica started", replica=spec.name, pool=pool, pid=replica.pid, reason=action.reason)

    async def _stop(self, action: Stop) -> None:
        name, pool = action.replica.name, action.replica.labels["pool"]
        try:
            await self._fleet.stop(name, grace=self._grace)
        except (Refused, Unavailable) as error:
            metrics.FAILURES.labels(pool).inc()
            log.warning("replica not stopped", replica=name, pool=pool, reason=error.detail)
            await asyncio.sleep(STOP_AGAIN)
        else:
            metrics.ACTIONS.labels(pool, "stop").inc()
            log.info("replica stopped", replica=name, pool=pool, pid=action.replica.pid, reason=action.reason)
        self._memory = self._memory.note_left(name)
        self._news.pull()

    def _measure(self, pools: tuple[Pool, ...]) -> None:
        metrics.WANTED.clear()
        metrics.RUNNING.clear()
        for pool in pools:
            metrics.WANTED.labels(pool.name).set(len(self._outfit.specs(pool)))
            metrics.RUNNING.labels(pool.name).set(0)
        for replica in self._replicas:
            if replica.state == "running" and is_ours(replica):
                metrics.RUNNING.labels(replica.labels["pool"]).inc()


def _now() -> datetime:
    # Not cut to milliseconds: a start just made would lie in the future.
    return datetime.now(UTC)
