"""What the replicas of a pool are: how many, how they are called, and what they are given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scrapr.fleet.replica import Replica, ReplicaSpec
from scrapr.model.pool import Pool, name_of

WELL_KNOWN = {name_of("scraper", "default"): 0, name_of("endpoint", "default"): 2}
"""Pools whose first replica listens on its role's own port, as an offset from the first port of the roles."""
PERSONAL = frozenset({"SCRAPR_WEB_ADVERTISE"})
"""Settings of the orchestrator's process that would be wrong for any other, and that no replica's own replace."""
LABELS = frozenset({"pool", "ordinal", "slots", "place"})


def wanted(pool: Pool) -> int:
    """How many replicas the pool is to have: enough slots for each copy of its configurations, within its bounds."""
    enough = -(-pool.configurations // pool.slots) * pool.copies
    return min(max(enough, pool.replicas_min), pool.replicas_max)


def is_ours(replica: Replica) -> bool:
    """Whether an orchestrator started it; all others are left alone."""
    return replica.labels.keys() >= LABELS and replica.labels["ordinal"].isdecimal()


@dataclass(frozen=True)
class Outfit:
    """What every replica is given beside its claims."""

    port_base: int = 3000
    logs: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def specs(self, pool: Pool) -> tuple[ReplicaSpec, ...]:
        """All replicas that the pool is to have, by ordinal."""
        return tuple(self.spec(pool, ordinal) for ordinal in range(wanted(pool)))

    def spec(self, pool: Pool, ordinal: int) -> ReplicaSpec:
        """One replica. It claims under its own name, so that its successor has its claims at once."""
        name = f"{pool.name}-{ordinal}"
        own = {
            "SCRAPR_CLAIM_CONTAINER": name,
            "SCRAPR_CLAIM_PLACE": pool.place,
            "SCRAPR_CLAIM_SLOTS": str(pool.slots),
            "SCRAPR_WEB_PORT": str(self._port(pool, ordinal)),
        }
        return ReplicaSpec(
            name=name,
            role=pool.role,
            environment={**self._shared, **own},
            labels=_labels(pool, ordinal),
            log=None if self.logs is None else str(self.logs / f"{name}.log"),
        )

    @property
    def _shared(self) -> dict[str, str]:
        return {name: value for name, value in self.environment.items() if name not in PERSONAL}

    def _port(self, pool: Pool, ordinal: int) -> int:
        """Zero is a free port: such a replica is found by discovery."""
        offset = WELL_KNOWN.get(pool.name)
        return 0 if offset is None or ordinal else self.port_base + offset


def _labels(pool: Pool, ordinal: int) -> dict[str, str]:
    return {"pool": pool.name, "ordinal": str(ordinal), "slots": str(pool.slots), "place": pool.place}


def find_surplus(specs: Iterable[ReplicaSpec], replicas: Iterable[Replica]) -> tuple[Replica, ...]:
    """Our running replicas that no pool wants, highest ordinal first."""
    names = {spec.name for spec in specs}
    surplus = (
        each for each in replicas if each.state == "running" and is_ours(each) and each.name not in names
    )
    return tuple(sorted(surplus, key=lambda each: (each.labels["pool"], -int(each.labels["ordinal"]))))
