"""How many replicas a pool gets, and after how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from scrapr.model.pool import Pool
from scrapr.roles.orchestrator.growth import Calm, Patience, Sight, Size, size

START = datetime(2026, 1, 1, tzinfo=UTC)
PATIENCE = Patience(behind=60, cooldown=30)


def pool_of(configurations: int, **parts: Any) -> Pool:
    found = {"role": "scraper", "name": "scraper-default", "slots": 10, "claims": configurations, **parts}
    return Pool(configurations=configurations, **found)


def sight_of(present: int, **parts: Any) -> Sight:
    found = {"running": present, "changed_at": START, **parts}
    return Sight(present=present, **found)


def size_after(seconds: float, pool: Pool, sight: Sight) -> Size:
    """What is decided when a pool has been so for a while."""
    calm = Calm().observe(pool, sight, START)
    now = START + timedelta(seconds=seconds)
    return size(pool, sight, calm.observe(pool, sight, now), PATIENCE, now)


def test_slots_that_are_lacking_are_made_at_once() -> None:
    assert size_after(0, pool_of(25), sight_of(1)).replicas == 3


def test_each_copy_has_slots_of_its_own() -> None:
    assert size_after(0, pool_of(25, role="endpoint", copies=2), sight_of(1)).replicas == 6


def test_claims_that_nobody_takes_bring_one_more_after_a_while() -> None:
    assert size_after(59, pool_of(25, claims=20), sight_of(3)).replicas == 3
    grown = size_after(60, pool_of(25, claims=20), sight_of(3))
    assert grown == Size(4, "5 claims have no replica that takes them")


def test_a_pool_does_not_grow_beyond_its_bounds_nor_before_its_replicas_run() -> None:
    full = size_after(60, pool_of(25, replicas_max=3, claims=20), sight_of(3))
    assert full.replicas == 3
    assert "replicas_max allows no more" in full.reason
    assert size_after(60, pool_of(25, claims=20), sight_of(3, running=2)).replicas == 3


def test_a_pool_shrinks_by_half_of_what_is_too_much_after_the_cooldown() -> None:
    assert size_after(29, pool_of(5), sight_of(9)).replicas == 9
    assert size_after(30, pool_of(5), sight_of(9)).replicas == 5
    assert size_after(30, pool_of(5), sight_of(2)).replicas == 1
