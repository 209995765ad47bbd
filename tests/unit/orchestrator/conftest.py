"""Pools and replicas, and a fleet that does at once what it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from scrapr.fleet.replica import Replica, ReplicaSpec
from scrapr.model.pool import Pool
from scrapr.roles.orchestrator.outfit import Outfit
from scrapr.roles.orchestrator.plan import Action, Patience, Start, Stop

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
OUTFIT = Outfit()
PATIENCE = Patience(cooldown=30, settle=2, backoff_first=0.1, backoff_most=30)
PIDS = count(1000)


def make_pool(configurations: int = 1, **other: Any) -> Pool:
    """The pool `scraper-default`, or another."""
    draft = {"role": "scraper", "place": "default", "slots": 1, "replicas_min": 0, **other}
    return Pool(name=f"{draft['role']}-{draft['place']}", configurations=configurations, **draft)


def run(spec: ReplicaSpec, at: datetime = NOON - timedelta(hours=1)) -> Replica:
    """The replica that was started for `spec`."""
    return Replica(spec.name, spec.role, spec.labels, next(PIDS), at, "running", None)


def run_all(pool: Pool, at: datetime = NOON - timedelta(hours=1)) -> tuple[Replica, ...]:
    """All replicas that `pool` wants."""
    return tuple(run(spec, at) for spec in OUTFIT.specs(pool))


def apply(actions: Iterable[Action], replicas: Iterable[Replica], at: datetime = NOON) -> tuple[Replica, ...]:
    """What runs after all actions were carried out."""
    found = {replica.name: replica for replica in replicas}
    for action in actions:
        match action:
            case Start(spec=spec):
                found[spec.name] = run(spec, at)
            case Stop(replica=replica):
                del found[replica.name]
    return tuple(found.values())


@dataclass(frozen=True)
class Kit:
    """What the tests of pure parts are made of."""

    noon: datetime
    outfit: Outfit
    patience: Patience
    pool: Callable[..., Pool]
    run: Callable[..., Replica]
    run_all: Callable[..., tuple[Replica, ...]]
    apply: Callable[..., tuple[Replica, ...]]


@pytest.fixture(scope="session")
def kit() -> Kit:
    """The kit, which tests cannot import from here."""
    return Kit(NOON, OUTFIT, PATIENCE, make_pool, run, run_all, apply)
