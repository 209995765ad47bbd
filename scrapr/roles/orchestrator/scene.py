"""What was found at one look at the cluster, and how it is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from scrapr.fleet.service import Node, Service, ServiceSpec, Task
from scrapr.model.pool import Pool
from scrapr.roles.orchestrator.growth import Sight, Size
from scrapr.roles.orchestrator.levels import is_current
from scrapr.roles.orchestrator.report import PoolReport, PoolsReport, ReplicaReport, State, lacking

Sizes: TypeAlias = Mapping[str, Size]


@dataclass(frozen=True)
class Look:
    """The cluster as it is: our services, their replicas, and the nodes."""

    services: tuple[Service, ...] = ()
    tasks: tuple[Task, ...] = ()
    nodes: tuple[Node, ...] = ()

    def service_of(self, pool: Pool) -> Service | None:
        """The service of a pool; None where there is none."""
        return next((each for each in self.services if each.pool == pool.name), None)

    def tasks_of(self, service: Service) -> list[Task]:
        """A service's replicas, those that are over and not wanted left out."""
        mine = (each for each in self.tasks if each.service == service.id)
        return sorted(
            (each for each in mine if each.is_wanted or not each.is_over), key=lambda each: each.slot
        )

    def sight(self, pool: Pool) -> Sight:
        """How a pool copes."""
        service = self.service_of(pool)
        if service is None:
            return Sight(None, 0, None)
        tasks = self.tasks_of(service)
        return Sight(
            present=service.replicas,
            running=sum(each.is_wanted and each.state == "running" for each in tasks),
            changed_at=service.updated_at,
        )

    @property
    def is_settled(self) -> bool:
        """Whether all that is asked of the cluster runs, and nothing else."""
        asked = sum(each.replicas for each in self.services)
        running = [each for each in self.tasks if each.state == "running" and each.is_wanted]
        return len(running) == asked and not any(
            each.progress in {"updating", "rolling back"} for each in self.services
        )


@dataclass(frozen=True)
class Story:
    """All that a report of a cluster is made from."""

    pools: tuple[Pool, ...]
    look: Look
    specs: tuple[ServiceSpec, ...]
    sizes: Sizes
    failures: Mapping[str, str]
    """By the service's name, why the last change of it failed."""

    def tell(self, *, config: str, fleet: str, leader: str | None) -> PoolsReport:
        """The report."""
        names = {spec.name for spec in self.specs}
        orphans = [each for each in self.look.services if each.name not in names]
        return PoolsReport(
            config=config,
            fleet=fleet,
            leader=leader,
            pools=tuple(self._pool(*pair) for pair in zip(self.pools, self.specs, strict=True)),
            orphans=tuple(
                self._replica(each, task, surplus=True)
                for each in orphans
                for task in self.look.tasks_of(each)
            ),
        )

    def _pool(self, pool: Pool, spec: ServiceSpec) -> PoolReport:
        service = self.look.service_of(pool)
        tasks = [] if service is None else self.look.tasks_of(service)
        replicas = tuple(self._replica(service, each) for each in tasks if service is not None)
        return PoolReport(
            name=pool.name,
            role=pool.role,
            place=pool.place,
            slots=pool.slots,
            configurations=pool.configurations,
            wanted=spec.replicas,
            running=sum(each.state == "running" for each in replicas),
            replicas=replicas,
            reason="; ".join(self._reasons(pool, spec, service, tasks)) or None,
        )

    def _reasons(
        self, pool: Pool, spec: ServiceSpec, service: Service | None, tasks: Iterable[Task]
    ) -> Iterator[str]:
        if why := self.failures.get(spec.name):
            yield why
        elif service is None:
            yield "its service is about to be created"
        elif service.refused == spec.digest or service.progress == "rolled back":
            yield f"what it asks for was tried and rolled back: {service.message or 'its replicas did not stay'}"
        elif service.progress or not is_current(spec, service):
            yield f"its service is being changed: {service.message or 'it is about to be'}"
        yield from sorted({why for each in tasks if (why := why_not(each))})
        if (size := self.sizes.get(pool.name)) and size.again is not None:
            yield size.reason
        if missing := lacking(pool, spec.replicas):
            yield missing

    def _replica(self, service: Service, task: Task, *, surplus: bool = False) -> ReplicaReport:
        return ReplicaReport(
            name=f"{service.name}.{task.slot}",
            state="surplus" if surplus else _state(task),
            since=task.since if task.state == "running" else None,
            node=next((each.name for each in self.look.nodes if each.id == task.node), None),
            reason=why_not(task),
        )


def _state(task: Task) -> State:
    if not task.is_wanted:
        return "stopping"
    return "running" if task.state == "running" else "missing"


def why_not(task: Task) -> str | None:
    """Why a replica does not run, in the words of the cluster; None where it does."""
    if task.state == "running" and task.is_wanted:
        return None
    if task.is_without_room:
        return f"no node has room for it: {task.message}"
    return f"{task.state}: {task.message}" if task.message else task.state
