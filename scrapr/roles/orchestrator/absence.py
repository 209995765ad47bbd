"""Services that vanished: pure. They are made anew after a moment only.

Whoever removes a stack removes its services one after the other. What the orchestrator made anew meanwhile would be
left behind, and keep the stack's networks; a moment later the orchestrator is gone as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

MOMENT = 3.0
"""Seconds; `docker stack rm` takes less from its first service to its last."""


@dataclass(frozen=True)
class Absence:
    """What was there at the last look, and since when which service is gone; may be lost, which costs nothing."""

    present: frozenset[str] = frozenset()
    since: Mapping[str, datetime] = field(default_factory=dict)

    def observe(self, found: Iterable[str], now: datetime) -> Absence:
        """The memory after a look at the services, by their names."""
        there = frozenset(found)
        gone = dict.fromkeys(self.present - there, now)
        known = {name: at for name, at in self.since.items() if name not in there}
        return Absence(there, {**gone, **known})

    def is_fresh(self, name: str, now: datetime) -> bool:
        """Whether the service was there a moment ago."""
        return name in self.since and (now - self.since[name]).total_seconds() < MOMENT
