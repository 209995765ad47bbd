"""What should run, what runs, and why not: the orchestrator's view as others read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from scrapr.fleet.replica import Replica, ReplicaSpec
from scrapr.model.pool import Pool, PoolRole
from scrapr.model.times import Time
from scrapr.roles.orchestrator.memory import Memory, life_of, tell_end
from scrapr.roles.orchestrator.outfit import Outfit, find_surplus, is_ours
from scrapr.roles.orchestrator.plan import Patience, is_outdated

NOT_YET = "it is about to be started"
State: TypeAlias = Literal["running", "missing", "stopping", "surplus"]


class ReplicaReport(BaseModel):
    """One replica.

    `state` is `missing` where it should run and does not, `surplus` where it runs and soon will not. `since` is the
    start of its process, none where none runs; `restarts` counts those that this orchestrator made after a death.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    state: State
    pid: int | None = None
    """Of a process of this machine; none in a cluster."""
    node: str | None = None
    """The machine of the cluster that runs it, or is to."""
    since: Time | None = None
    restarts: int = 0
    reason: str | None = None
    """Why it is not simply running."""


class PoolReport(BaseModel):
    """One pool; `running` counts the wanted replicas that run, `reason` says why not more."""

    model_config = ConfigDict(frozen=True)

    name: str
    role: PoolRole
    place: str
    slots: int
    configurations: int
    wanted: int
    running: int
    replicas: tuple[ReplicaReport, ...]
    reason: str | None = None


class PoolsReport(BaseModel):
    """All pools; `orphans` are replicas of pools that no longer exist.

    `config` and `fleet` are `ok`, or why they do not answer; then what follows is what was known last. `leader` is who
    of several orchestrators acts, none on a single machine.
    """

    model_config = ConfigDict(frozen=True)

    config: str
    fleet: str
    leader: str | None = None
    pools: tuple[PoolReport, ...]
    orphans: tuple[ReplicaReport, ...] = ()


@dataclass(frozen=True)
class Scene:
    """All that a report is made from."""

    pools: tuple[Pool, ...]
    replicas: tuple[Replica, ...]
    outfit: Outfit
    patience: Patience
    memory: Memory
    now: datetime


def describe(scene: Scene, *, config: str, fleet: str) -> PoolsReport:
    """The report of a scene."""
    surplus = find_surplus(
        [spec for pool in scene.pools for spec in scene.outfit.specs(pool)], scene.replicas
    )
    known = {pool.name for pool in scene.pools}
    return PoolsReport(
        config=config,
        fleet=fleet,
        pools=tuple(_pool(scene, pool, surplus) for pool in scene.pools),
        orphans=tuple(_surplus(scene, each) for each in surplus if each.labels["pool"] not in known),
    )


def _pool(scene: Scene, pool: Pool, surplus: Iterable[Replica]) -> PoolReport:
    specs = scene.outfit.specs(pool)
    found = {replica.name: replica for replica in scene.replicas}
    wanted = tuple(_wanted(scene, spec, found.get(spec.name)) for spec in specs)
    departing = (_surplus(scene, each) for each in surplus if each.labels["pool"] == pool.name)
    return PoolReport(
        name=pool.name,
        role=pool.role,
        place=pool.place,
        slots=pool.slots,
        configurations=pool.configurations,
        wanted=len(specs),
        running=sum(each.state == "running" for each in wanted),
        replicas=(*wanted, *departing),
        reason="; ".join(_reasons(pool, wanted)) or None,
    )


def _reasons(pool: Pool, replicas: tuple[ReplicaReport, ...]) -> Iterator[str]:
    yield from (f"{each.name}: {each.reason}" for each in replicas if each.state != "running")
    if missing := lacking(pool, len(replicas)):
        yield missing


def lacking(pool: Pool, replicas: int) -> str | None:
    """What a pool's bounds leave without a slot; None where there is enough for all."""
    missing = pool.configurations * pool.copies - replicas * pool.slots
    if missing <= 0:
        return None
    what = "configurations" if pool.copies == 1 else "claims"
    return f"replicas_max leaves {missing} {what} without a slot"


def _wanted(scene: Scene, spec: ReplicaSpec, replica: Replica | None) -> ReplicaReport:
    restarts = scene.memory.restarts.get(spec.name, 0)
    if replica is None or replica.state == "exited":
        reason = _why_missing(scene, spec.name, replica)
        return ReplicaReport(name=spec.name, state="missing", restarts=restarts, reason=reason)
    if not is_ours(replica):
        reason = f"process {replica.pid} of the fleet has its name and is not the orchestrator's"
        return ReplicaReport(name=spec.name, state="missing", restarts=restarts, reason=reason)
    leaving = spec.name in scene.memory.leaving
    outdated = "its pool has changed; it is restarted in its turn" if is_outdated(spec, replica) else None
    return ReplicaReport(
        name=spec.name,
        state="stopping" if leaving else "running",
        pid=replica.pid,
        since=replica.started_at,
        restarts=restarts,
        reason="it is being stopped and will be started anew" if leaving else outdated,
    )


def _why_missing(scene: Scene, name: str, replica: Replica | None) -> str:
    setback = scene.memory.setbacks.get(name)
    if setback is not None:
        wait = scene.patience.until_start(setback, scene.now)
        times = f", {setback.streak} times in a row" if setback.streak > 1 else ""
        return f"{setback.reason}{times}; {f'it is started again in {wait:.1f} s' if wait else NOT_YET}"
    if replica is not None and life_of(replica) not in scene.memory.stopped:
        return f"{tell_end(replica.exit_code)}; {NOT_YET}"
    return NOT_YET


def _surplus(scene: Scene, replica: Replica) -> ReplicaReport:
    leaving = replica.name in scene.memory.leaving
    return ReplicaReport(
        name=replica.name,
        state="stopping" if leaving else "surplus",
        pid=replica.pid,
        since=replica.started_at,
        restarts=0,
        reason="it is one more than its pool needs",
    )
