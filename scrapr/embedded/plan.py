"""Which replicas `scrapr up` runs itself, when it starts them again, and in which order it stops all."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from scrapr.embedded import restart
from scrapr.fleet.replica import ReplicaSpec
from scrapr.runtime.lifecycle import Exit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scrapr.embedded.settings import StopDeadlines
    from scrapr.fleet.replica import Replica

OFFSETS = {"scraper": 0, "datasource": 1, "endpoint": 2, "config": 3, "orchestrator": 4}
"""Each role's port, counted from the port base."""
OWN = ("config", "datasource", "orchestrator")
"""The roles that `scrapr up` runs; the orchestrator runs the others."""


@dataclass(frozen=True)
class Tenure:
    """What is known of a replica's deaths."""

    pid: int
    """The replica whose death was counted last."""
    young: int
    """Its and its predecessors' deaths in a row soon after their start."""
    due: datetime
    """When it is to be started again."""


@dataclass(frozen=True)
class Plan:
    """What to do now, and when to look again."""

    start: tuple[ReplicaSpec, ...]
    tenures: Mapping[str, Tenure]
    """To be given to the next call."""
    wake_in: float | None
    """Seconds until a start is due; None: when something changes."""


@dataclass(frozen=True)
class Step:
    """Replicas that are stopped together."""

    names: tuple[str, ...]
    grace: float


def list_ports(port_base: int) -> dict[str, int]:
    """The port of each role."""
    return {role: port_base + offset for role, offset in OFFSETS.items()}


def list_specs(port_base: int, environment: Mapping[str, str], logs: str | None) -> tuple[ReplicaSpec, ...]:
    """The replicas of `OWN`, one of each; `logs` is the folder of their logs."""
    ports = list_ports(port_base)
    return tuple(
        ReplicaSpec(
            name=role,
            role=role,
            environment={**environment, "SCRAPR_WEB_PORT": str(ports[role])},
            labels={"starter": "up"},
            log=None if logs is None else f"{logs}/{role}.log",
        )
        for role in OWN
    )


def plan(
    specs: Sequence[ReplicaSpec],
    replicas: Sequence[Replica],
    tenures: Mapping[str, Tenure],
    now: datetime,
    *,
    longest_pause: float,
) -> Plan:
    """What to start now, seen from the fleet and from the plan before."""
    found = {replica.name: replica for replica in replicas}
    known = dict(tenures)
    start: list[ReplicaSpec] = []
    waits: list[float] = []
    for spec in specs:
        replica = found.get(spec.name)
        if replica is not None and replica.state == "running":
            continue
        if replica is not None:
            known[spec.name] = _note_death(known.get(spec.name), replica, now, longest_pause)
        wait = 0.0 if replica is None else (known[spec.name].due - now).total_seconds()
        if wait <= 0:
            start.append(spec)
        else:
            waits.append(wait)
    return Plan(tuple(start), known, min(waits, default=None))


def _note_death(tenure: Tenure | None, replica: Replica, now: datetime, longest_pause: float) -> Tenure:
    """A death counts once, when it is first seen."""
    if tenure is not None and tenure.pid == replica.pid:
        return tenure
    lived = (now - replica.started_at).total_seconds()
    young = restart.count_young(0 if tenure is None else tenure.young, lived)
    return Tenure(replica.pid, young, now + timedelta(seconds=restart.pause(young, longest_pause)))


def list_stops(replicas: Sequence[Replica], deadlines: StopDeadlines) -> tuple[Step, ...]:
    """The running replicas in the order of their stop.

    The orchestrator first, so that nothing is started again; then its pools, while datasource and config still answer.
    """
    running = [replica for replica in replicas if replica.state == "running"]

    def named(*roles: str) -> tuple[str, ...]:
        return tuple(replica.name for replica in running if replica.role in roles)

    others = {replica.role for replica in running} - set(OWN)
    steps = (
        Step(named("orchestrator"), deadlines.orchestrator),
        Step(named(*others), deadlines.pools),
        Step(named("datasource"), deadlines.datasource),
        Step(named("config"), deadlines.config),
    )
    return tuple(step for step in steps if step.names)


def list_late(steps: Sequence[Step], replicas: Sequence[Replica]) -> tuple[str, ...]:
    """Those of the steps' replicas that run still, were killed, or tell that they passed a deadline of their own."""
    names = {name for step in steps for name in step.names}
    late = {None, -signal.SIGKILL, Exit.DEADLINE}
    return tuple(each.name for each in replicas if each.name in names and each.exit_code in late)
