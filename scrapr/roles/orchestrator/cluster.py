"""The loop that keeps the cluster's services at what the pools ask for, as long as this process leads."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime

import structlog

from scrapr.client.config import ConfigClient
from scrapr.fleet.fleet import Services
from scrapr.fleet.service import ServiceSpec
from scrapr.model.errors import Refused, ScraprError, Unavailable
from scrapr.model.pool import Pool
from scrapr.roles.orchestrator import growth, metrics, nodes, report
from scrapr.roles.orchestrator.absence import Absence
from scrapr.roles.orchestrator.contact import Contact
from scrapr.roles.orchestrator.demand import Demand
from scrapr.roles.orchestrator.leadership import Leadership
from scrapr.roles.orchestrator.levels import Change, Create, Refuse, Remove, Scale, Update, plan
from scrapr.roles.orchestrator.scene import Look, Sizes, Story
from scrapr.roles.orchestrator.settings import OrchestratorSettings
from scrapr.roles.orchestrator.shape import Shape

log = structlog.get_logger()
REMEMBERED = 50
"""Decisions about the number of replicas and of machines that are told."""
UNSETTLED = 1.0
"""Seconds between two looks while not all that is asked for runs: tasks change without an event."""


class Cluster:
    """Reads pools from config and services from the cluster, and acts on the difference while it leads."""

    def __init__(
        self,
        config: ConfigClient,
        fleet: Services,
        settings: OrchestratorSettings,
        shape: Shape,
        *,
        leadership: Leadership,
        token: str,
    ) -> None:
        self._fleet = fleet
        self._settings = settings
        self._shape = shape
        self.leadership = leadership
        self._patience = growth.Patience(settings.behind, settings.cooldown)
        self._news = leadership.changed
        self.demand = Demand(config, changed=self._news, resync=settings.resync, token=token)
        self._acting = asyncio.Lock()
        self._contact = Contact("fleet")
        self._calm = growth.Calm()
        self._absence = Absence()
        self._sizes: Sizes = {}
        self._tried: dict[str, str] = {}
        self._failures: dict[str, str] = {}
        self.look = Look()
        self.decisions: deque[nodes.Decision] = deque(maxlen=REMEMBERED)

    async def watch(self) -> None:
        """Hear of services and nodes that change, until cancelled."""
        async for _ in self._fleet.changes():
            self._news.pull()

    async def reconcile(self) -> None:
        """Compare and act, at once and with all news, until cancelled."""
        while True:
            await self._news.wait(timeout=await self._turn())

    async def release(self) -> None:
        """Act no more, and let another lead; what runs goes on running."""
        async with self._acting:
            await self.leadership.give_back()

    async def check_fleet(self) -> None:
        """Return when the cluster answers; raises `Unavailable`."""
        await self._fleet.services()

    async def report(self) -> report.PoolsReport:
        """What should run, what runs, and why not."""
        fleet = "ok"
        try:
            self.look = await self._look()
        except ScraprError as error:
            fleet = error.detail
        pools = self.demand.pools or ()
        sizes = self._measure(pools, self.look)
        specs = self._specs(pools, sizes)
        story = Story(pools, self.look, specs, sizes, self._failures)
        return story.tell(config=self.demand.contact.state, fleet=fleet, leader=self.leadership.leader)

    async def nodes(self) -> nodes.Nodes:
        """The machines of the cluster; raises `Unavailable`."""
        self.look = await self._look()
        return nodes.Nodes(nodes=nodes.describe(self.look), decisions=tuple(self.decisions))

    async def _turn(self) -> float:
        """One look, and what follows from it; gives the seconds after which to look again without news."""
        async with self._acting:
            pools = self.demand.pools
            if pools is None or not self.leadership.holds():
                return self._settings.resync
            try:
                with metrics.RECONCILE.time():
                    return await self._reconcile(pools)
            except ScraprError as error:
                return self._contact.lose(error.detail)

    async def _reconcile(self, pools: tuple[Pool, ...]) -> float:
        self.look = await self._look()
        self._contact.keep()
        for pool in pools:
            self._calm = self._calm.observe(pool, self.look.sight(pool), _now())
        self._sizes = self._measure(pools, self.look)
        self._show(pools)
        specs = self._specs(pools, self._sizes)
        changes = plan(specs, self.look.services, tried=self._tried)
        self._absence = self._absence.observe((each.name for each in self.look.services), _now())
        for change in changes:
            if self._is_due(change) and not await self._carry_out(change):
                return UNSETTLED
        if changes or self._failures or not self.look.is_settled:
            return UNSETTLED
        waits = [size.again for size in self._sizes.values() if size.again is not None]
        return min([self._settings.resync, *waits])

    def _is_due(self, change: Change) -> bool:
        return not (isinstance(change, Create) and self._absence.is_fresh(change.spec.name, _now()))

    async def _look(self) -> Look:
        services, tasks = await self._fleet.services(), await self._fleet.tasks()
        return Look(tuple(services), tuple(tasks), tuple(await self._fleet.nodes()))

    def _measure(self, pools: Iterable[Pool], look: Look) -> Sizes:
        return {
            pool.name: growth.size(pool, look.sight(pool), self._calm, self._patience, _now())
            for pool in pools
        }

    def _specs(self, pools: Iterable[Pool], sizes: Sizes) -> tuple[ServiceSpec, ...]:
        return tuple(self._shape.spec(pool, sizes[pool.name].replicas) for pool in pools)

    async def _carry_out(self, change: Change) -> bool:
        """Whether to go on: not where the lease has ended, for then another acts."""
        name, pool = _subject(change)
        kind = type(change).__name__.lower()
        left = self.leadership.remaining()
        if left <= 0:
            return False
        try:
            async with asyncio.timeout(left):
                await self._act(change)
        except (Refused, Unavailable, TimeoutError) as error:
            reason = error.detail if isinstance(error, ScraprError) else "the lease ended meanwhile"
            self._failures[name] = reason
            metrics.FAILURES.labels(pool).inc()
            log.warning("service not changed", service=name, change=kind, reason=reason)
            return True
        self._failures.pop(name, None)
        metrics.ACTIONS.labels(pool, kind).inc()
        why = self._why(change, pool)
        if isinstance(change, Scale):
            what = f"scale {name} from {change.service.replicas} to {change.replicas}"
            self.decisions.appendleft(nodes.Decision(at=_now(), what=what, why=why))
        log.info(
            "service changed", service=name, pool=pool, change=kind, reason=why, epoch=self.leadership.epoch
        )
        return True

    async def _act(self, change: Change) -> None:
        match change:
            case Create(spec=spec):
                self._tried[spec.name] = spec.digest
                await self._fleet.create(spec)
            case Update(service=service, spec=spec):
                self._tried[spec.name] = spec.digest
                await self._fleet.update(service, spec)
            case Scale(service=service, replicas=replicas):
                await self._fleet.scale(service, replicas)
            case Refuse(service=service, digest=digest):
                await self._fleet.refuse(service, digest)
            case Remove(service=service):
                await self._fleet.remove(service)

    def _why(self, change: Change, pool: str) -> str:
        """A change of size is explained by what the size was made of."""
        return self._sizes[pool].reason if isinstance(change, Scale) else change.reason

    def _show(self, pools: Iterable[Pool]) -> None:
        metrics.WANTED.clear()
        metrics.RUNNING.clear()
        for pool in pools:
            metrics.WANTED.labels(pool.name).set(self._sizes[pool.name].replicas)
            metrics.RUNNING.labels(pool.name).set(self.look.sight(pool).running)


def _subject(change: Change) -> tuple[str, str]:
    """The name of the service that a change is of, and its pool."""
    subject = change.spec if isinstance(change, Create) else change.service
    return subject.name, subject.pool


def _now() -> datetime:
    return datetime.now(UTC)
