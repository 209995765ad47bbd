"""What to do so that what runs becomes what should run: pure, from a look at both and at the time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from scrapr.fleet.replica import Replica, ReplicaSpec
from scrapr.model.pool import Pool
from scrapr.roles.orchestrator.memory import Memory, Setback
from scrapr.roles.orchestrator.outfit import Outfit, find_surplus, is_ours


@dataclass(frozen=True)
class Start:
    """Start a replica; `replaces` tells one that died from one that is new."""

    spec: ReplicaSpec
    reason: str
    replaces: bool


@dataclass(frozen=True)
class Stop:
    """End a replica."""

    replica: Replica
    reason: str


Action: TypeAlias = Start | Stop
Running: TypeAlias = Mapping[str, Replica]
Step: TypeAlias = tuple[float, Action]
"""Seconds to wait, and what to do then."""


@dataclass(frozen=True)
class Patience:
    """How long to wait before what; all in seconds, see `OrchestratorSettings`."""

    cooldown: float
    settle: float
    backoff_first: float
    backoff_most: float

    def until_start(self, setback: Setback, now: datetime) -> float:
        """Until a replica may be started after its setbacks: none after the first, then doubled each time."""
        if setback.streak <= 1:
            return 0.0
        doubled = self.backoff_first * 2.0 ** min(setback.streak - 2, 30)
        return remaining(setback.at, min(self.backoff_most, doubled), now)


@dataclass(frozen=True)
class Plan:
    """What to do now, most urgent first, and in how many seconds there is more to do without any news."""

    actions: tuple[Action, ...]
    again: float | None


def plan(
    pools: Iterable[Pool],
    replicas: Iterable[Replica],
    *,
    outfit: Outfit,
    patience: Patience,
    memory: Memory,
    now: datetime,
) -> Plan:
    """Compare, level by level; carried out, it leaves nothing to do but the next of one-by-one restarts."""
    replicas = tuple(replicas)
    running = {replica.name: replica for replica in replicas if replica.state == "running"}
    steps: list[Step] = []
    specs: list[ReplicaSpec] = []
    for pool in pools:
        wanted = outfit.specs(pool)
        specs += wanted
        steps += _starts(wanted, running, memory, patience, now)
        steps += _renewals(wanted, running, memory, patience, now)
    steps += _departures(find_surplus(specs, replicas), memory, patience, now)
    due = sorted((action for wait, action in steps if wait <= 0), key=_urgency)
    return Plan(tuple(due), min((wait for wait, _ in steps if wait > 0), default=None))


def _starts(
    specs: Iterable[ReplicaSpec], running: Running, memory: Memory, patience: Patience, now: datetime
) -> Iterator[Step]:
    """Whatever runs under a wanted name keeps it: ours, one that is leaving, and a stranger."""
    for spec in specs:
        if spec.name in running:
            continue
        setback = memory.setbacks.get(spec.name)
        if setback is None:
            yield 0.0, Start(spec, "it is missing", replaces=False)
        else:
            replaces = setback.life is not None
            yield patience.until_start(setback, now), Start(spec, setback.reason, replaces)


def _renewals(
    specs: tuple[ReplicaSpec, ...], running: Running, memory: Memory, patience: Patience, now: datetime
) -> Iterator[Step]:
    """One replica of a pool that has changed, when all others are there and have settled."""
    if any(spec.name not in running or spec.name in memory.leaving for spec in specs):
        return
    ours = [(spec, running[spec.name]) for spec in specs if is_ours(running[spec.name])]
    outdated = [replica for spec, replica in ours if is_outdated(spec, replica)]
    if outdated:
        current = (replica for spec, replica in ours if not is_outdated(spec, replica))
        waits = (remaining(replica.started_at, patience.settle, now) for replica in current)
        yield max(waits, default=0.0), Stop(outdated[0], "its pool has changed")


def _departures(
    surplus: Iterable[Replica], memory: Memory, patience: Patience, now: datetime
) -> Iterator[Step]:
    for replica in surplus:
        if replica.name not in memory.leaving:
            since = memory.surplus_since.get(replica.name, now)
            yield remaining(since, patience.cooldown, now), Stop(replica, "no pool wants it")


def is_outdated(spec: ReplicaSpec, replica: Replica) -> bool:
    """Whether the replica was started for what its pool was before."""
    return dict(replica.labels) != dict(spec.labels)


def remaining(since: datetime, seconds: float, now: datetime) -> float:
    """What is left of a wait of `seconds` from `since`; nothing where the clock was set back meanwhile."""
    passed = (now - since).total_seconds()
    return max(0.0, seconds - passed) if passed >= 0 else 0.0


def _urgency(action: Action) -> int:
    match action:
        case Start(replaces=True):
            return 0
        case Start():
            return 1
        case Stop():
            return 2
