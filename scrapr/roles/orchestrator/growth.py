"""How many replicas a pool's service is to have: pure, from its work, and from how it copes with it.

Up at once where configurations lack slots; up by one where there are slots and claims stay free all the same; down only
after a while in which fewer would have done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from scrapr.model.pool import Pool
from scrapr.roles.orchestrator.outfit import wanted
from scrapr.roles.orchestrator.plan import remaining


@dataclass(frozen=True)
class Sight:
    """How a pool copes. `present` replicas are asked of the cluster now, None where it has no service yet."""

    present: int | None
    running: int
    changed_at: datetime | None
    """When the service was changed last."""


@dataclass(frozen=True)
class Calm:
    """For how long pools have been behind their work, or ahead of it; may be lost, which costs patience alone."""

    behind_since: Mapping[str, datetime] = field(default_factory=dict)
    ahead_since: Mapping[str, datetime] = field(default_factory=dict)

    def observe(self, pool: Pool, sight: Sight, now: datetime) -> Calm:
        """The memory after a look at a pool."""
        behind = complaint(pool, sight) is not None
        ahead = not behind and sight.present is not None and sight.present > wanted(pool)
        return replace(
            self,
            behind_since=_mark(self.behind_since, pool.name, behind, now),
            ahead_since=_mark(self.ahead_since, pool.name, ahead, now),
        )


def _mark(since: Mapping[str, datetime], name: str, holds: bool, now: datetime) -> dict[str, datetime]:
    kept = {each: at for each, at in since.items() if each != name}
    return kept | ({name: since.get(name, now)} if holds else {})


@dataclass(frozen=True)
class Patience:
    """How long to wait before what, in seconds; see `OrchestratorSettings`."""

    behind: float
    """That a pool must have been behind before it grows, and between two steps."""
    cooldown: float
    """That fewer replicas must have been enough before there are fewer."""


@dataclass(frozen=True)
class Size:
    """How many replicas, and why."""

    replicas: int
    reason: str
    again: float | None = None
    """Seconds after which the answer may be another, though nothing else has changed."""


def complaint(pool: Pool, sight: Sight) -> str | None:
    """Why more replicas than its slots ask for would help the pool; None where they would not."""
    if sight.present is None or sight.running < sight.present:
        return None  # those that were asked for are yet to come
    if lacking := pool.configurations * pool.copies - pool.claims:
        return f"{lacking} claims have no replica that takes them"
    return None


def size(pool: Pool, sight: Sight, calm: Calm, patience: Patience, now: datetime) -> Size:
    """How many replicas the pool's service is to have now."""
    enough = wanted(pool)
    if sight.present is None or sight.present < enough:
        return Size(
            enough, f"{pool.configurations} configurations need {enough} replicas of {pool.slots} slots"
        )
    present = min(sight.present, pool.replicas_max)
    if why := complaint(pool, sight):
        return _grow(pool, present, why, _until_growth(pool, sight, calm, patience, now))
    if present == enough:
        return Size(enough, "there is enough for every configuration")
    wait = remaining(calm.ahead_since.get(pool.name, now), patience.cooldown, now)
    if wait:
        return Size(present, f"{enough} would do; there are fewer in {wait:.0f} s", wait)
    fewer = enough + (present - enough) // 2
    return Size(fewer, f"{enough} have been enough for {patience.cooldown:g} s")


def _until_growth(pool: Pool, sight: Sight, calm: Calm, patience: Patience, now: datetime) -> float:
    since = calm.behind_since.get(pool.name, now)
    last = since if sight.changed_at is None else max(since, sight.changed_at)
    return remaining(last, patience.behind, now)


def _grow(pool: Pool, present: int, why: str, wait: float) -> Size:
    if present >= pool.replicas_max:
        return Size(present, f"{why}, and replicas_max allows no more")
    if wait:
        return Size(present, f"{why}; there is one more in {wait:.0f} s unless that ends", wait)
    return Size(present + 1, why)
