"""What the zygote remembers of its children."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scrapr.fleet.replica import Replica

if TYPE_CHECKING:
    from datetime import datetime

    from scrapr.fleet.replica import ReplicaSpec

REMEMBERED_EXITS = 1000
"""Exited replicas that are still told; beyond, the oldest is forgotten."""


class Roster:
    """The replicas by name, in the order in which they started."""

    def __init__(self, *, remembered_exits: int = REMEMBERED_EXITS) -> None:
        self._replicas: dict[str, Replica] = {}
        self._remembered_exits = remembered_exits

    def all(self) -> tuple[Replica, ...]:
        """Running and exited ones."""
        return tuple(self._replicas.values())

    def running(self) -> tuple[Replica, ...]:
        """Those whose exit has not been noted."""
        return tuple(replica for replica in self._replicas.values() if replica.state == "running")

    def find_running(self, name: str) -> Replica | None:
        """The running replica of that name."""
        replica = self._replicas.get(name)
        return replica if replica is not None and replica.state == "running" else None

    def note_start(self, spec: ReplicaSpec, pid: int, at: datetime) -> Replica:
        """A replica has started; what is known of an earlier one of its name is forgotten."""
        self._replicas.pop(spec.name, None)
        replica = Replica(spec.name, spec.role, spec.labels, pid, at, "running", None)
        self._replicas[spec.name] = replica
        return replica

    def note_exit(self, name: str, code: int) -> Replica:
        """A running replica has exited."""
        replica = replace(self._replicas.pop(name), state="exited", exit_code=code)
        self._replicas[name] = replica
        exited = [other.name for other in self._replicas.values() if other.state == "exited"]
        for forgotten in exited[: -self._remembered_exits]:
            del self._replicas[forgotten]
        return replica
