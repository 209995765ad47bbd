"""A replica as it is asked for, and as it is found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal


@dataclass(frozen=True)
class ReplicaSpec:
    """What a fleet is asked to run."""

    name: str
    """Unique in the fleet; a second start of a running name changes nothing."""
    role: str
    environment: Mapping[str, str] = field(default_factory=dict)
    """Overrides of the replica's settings by their environment names, as `{"SCRAPR_WEB_PORT": "3000"}`."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """The starter's only memory, given back with the replica, as `{"pool": "scraper-default"}`."""
    log: str | None = None
    """Path of a file that gets standard output and error; None: the starter's own."""


@dataclass(frozen=True)
class Replica:
    """What a fleet finds running, or exited and not started again since."""

    name: str
    role: str
    labels: Mapping[str, str]
    pid: int
    started_at: datetime
    """In UTC."""
    state: Literal["running", "exited"]
    exit_code: int | None
    """None while running; negative: the number of the signal that killed it."""
