"""What a cluster is asked to keep running, and what it is found to run: services, their tasks, and nodes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

Progress: TypeAlias = Literal["", "updating", "paused", "rolling back", "rolled back"]
"""How the newest update of a service goes; empty: it is done, or there was none."""
GONE = frozenset({"complete", "shutdown", "failed", "rejected", "remove", "orphaned"})
"""States of a task that is over, in the engine's words."""


@dataclass(frozen=True)
class ServiceSpec:
    """So many replicas of one role, all alike. It is the cluster that starts, places and restarts them."""

    name: str
    pool: str
    role: str
    image: str
    replicas: int
    environment: Mapping[str, str] = field(default_factory=dict)
    """Settings by their environment names; the engine's templates, as `{{.Task.Name}}`, are filled by it."""
    cpu: float | None = None
    """Cores that each replica is given at most, and that are kept free for it."""
    memory: int | None = None
    """MiB that each replica is given at most, and that are kept free for it."""
    constraints: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    """Names of the engine's secrets; `name=file` gives it the name that a setting's file has."""
    grace: float = 10.0
    """Seconds between SIGTERM and SIGKILL."""

    @property
    def digest(self) -> str:
        """Equal for equal specs, whatever their number of replicas."""
        told = asdict(self)
        del told["replicas"]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Service:
    """A service of ours, as the cluster has it."""

    id: str
    name: str
    pool: str
    replicas: int
    digest: str
    """That of the spec which it was made of."""
    image: str
    refused: str = ""
    """The digest of a spec that was tried and rolled back."""
    progress: Progress = ""
    message: str = ""
    """What the cluster says of the progress."""
    updated_at: datetime | None = None


@dataclass(frozen=True)
class Task:
    """One replica: a place in its service, and what the cluster has made of it."""

    id: str
    service: str
    """The service's id."""
    slot: int
    node: str
    """The node's id; empty while none has room."""
    state: str
    """In the engine's words: `running`, `pending`, `failed`, …"""
    wanted: str
    """The state that the cluster wants: `running`, `shutdown` or `remove`."""
    since: datetime
    made_at: datetime
    message: str = ""

    @property
    def is_over(self) -> bool:
        """Whether it runs no more, and never will."""
        return self.state in GONE

    @property
    def is_wanted(self) -> bool:
        """Whether the cluster means to run it."""
        return self.wanted in {"running", "ready"}

    @property
    def is_without_room(self) -> bool:
        """Whether no node has taken it."""
        return self.is_wanted and self.state == "pending" and not self.node


@dataclass(frozen=True)
class Node:
    """A machine of the cluster; `memory` is in bytes."""

    id: str
    name: str
    role: Literal["manager", "worker"]
    state: str
    """In the engine's words: `ready`, `down`, `unknown`, `disconnected`."""
    availability: str
    """`active`, `pause` or `drain`."""
    cpus: float
    memory: int
    labels: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    joined_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it takes tasks."""
        return self.state == "ready" and self.availability == "active"
