"""What the orchestrator remembers between two plans; all of it may be lost, and costs patience alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime
from signal import Signals
from typing import TypeAlias, TypeVar

from scrapr.fleet.replica import Replica, ReplicaSpec
from scrapr.roles.orchestrator.outfit import find_surplus, is_ours

V = TypeVar("V")
Life: TypeAlias = tuple[str, datetime]
"""A replica's name and the start of its process; its successors under that name are other lives."""


@dataclass(frozen=True)
class Setback:
    """A replica died, or could not be started."""

    streak: int
    """How often in a row; it begins anew with a death after a life that was long enough."""
    at: datetime
    reason: str
    life: Life | None = None
    """The life that ended; None where none began."""


@dataclass(frozen=True)
class Memory:
    """Setbacks and restarts by replica, since when which replica is one too many, and which are being stopped."""

    setbacks: Mapping[str, Setback] = field(default_factory=dict)
    restarts: Mapping[str, int] = field(default_factory=dict)
    surplus_since: Mapping[str, datetime] = field(default_factory=dict)
    leaving: AbstractSet[str] = frozenset()
    stopped: AbstractSet[Life] = frozenset()
    """Lives that the orchestrator ended itself: no deaths."""

    def observe(
        self, specs: Iterable[ReplicaSpec], replicas: Iterable[Replica], *, stable: float, now: datetime
    ) -> Memory:
        """The memory after a look at the fleet: new deaths, new surplus; what is no longer wanted is forgotten."""
        specs, replicas = tuple(specs), tuple(replicas)
        names = {spec.name for spec in specs}
        surplus = find_surplus(specs, replicas)
        return replace(
            self,
            setbacks=_keep(self.setbacks, names) | self._deaths(names, replicas, stable=stable, now=now),
            restarts=_keep(self.restarts, names),
            surplus_since={each.name: self.surplus_since.get(each.name, now) for each in surplus},
            stopped=self.stopped & {life_of(each) for each in replicas},
        )

    def _deaths(
        self, names: AbstractSet[str], replicas: Iterable[Replica], *, stable: float, now: datetime
    ) -> dict[str, Setback]:
        return {
            each.name: self._death(each, stable=stable, now=now)
            for each in replicas
            if each.state == "exited" and each.name in names and is_ours(each) and self._is_news(each)
        }

    def _is_news(self, replica: Replica) -> bool:
        known = self.setbacks.get(replica.name)
        life = life_of(replica)
        return life not in self.stopped and (known is None or known.life != life)

    def _death(self, replica: Replica, *, stable: float, now: datetime) -> Setback:
        before = self.setbacks.get(replica.name)
        lived = (now - replica.started_at).total_seconds()
        streak = 1 if before is None or lived >= stable else before.streak + 1
        return Setback(streak, now, tell_end(replica.exit_code), life_of(replica))

    def note_failed_start(self, name: str, reason: str, now: datetime) -> Memory:
        """The memory after a start that the fleet did not carry out."""
        before = self.setbacks.get(name)
        life = None if before is None else before.life
        setback = Setback(1 if before is None else before.streak + 1, now, reason, life)
        return replace(self, setbacks={**self.setbacks, name: setback})

    def note_restart(self, name: str) -> Memory:
        """The memory after a replica was started in place of one that died."""
        return replace(self, restarts={**self.restarts, name: self.restarts.get(name, 0) + 1})

    def note_leaving(self, replica: Replica) -> Memory:
        """The memory from the moment on at which the orchestrator stops `replica`: its earlier deaths are forgotten."""
        return replace(
            self,
            setbacks={name: each for name, each in self.setbacks.items() if name != replica.name},
            leaving=self.leaving | {replica.name},
            stopped=self.stopped | {life_of(replica)},
        )

    def note_left(self, name: str) -> Memory:
        """The memory after a stop has ended, one way or the other."""
        return replace(self, leaving=self.leaving - {name})


def life_of(replica: Replica) -> Life:
    """What tells this process from its predecessors of the same name."""
    return replica.name, replica.started_at


def tell_end(exit_code: int | None) -> str:
    """How a process ended, in words."""
    if exit_code is None or exit_code >= 0:
        return f"it exited with code {exit_code}"
    try:
        return f"it was killed by {Signals(-exit_code).name}"
    except ValueError:  # a real-time signal has no name of its own
        return f"it was killed by signal {-exit_code}"


def _keep(mapping: Mapping[str, V], names: AbstractSet[str]) -> dict[str, V]:
    return {name: value for name, value in mapping.items() if name in names}
