"""Pools on three engines; stores, config and orchestrators on the machine itself."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench.verdicts import Verdict
from tests.cluster.engine import Cluster, Engine
from tests.cluster.world import World, living_world, wait_for

LONG = 300.0
FULL = 200


@contextmanager
def living(cluster: Cluster, folder: Path) -> Iterator[World]:
    """scrapr on these engines, with an orchestrator."""
    with living_world(cluster, folder) as world:
        world.orchestrate("first")
        yield world


def measure_first(world: World, rounds: int) -> list[Verdict]:
    """From the post to the first item: with a replica that has room, and with one that must be started."""
    world.put_pool("scraper-warm", slots=FULL, replicas_min=1)
    wait_for(lambda: world.tasks("scraper-warm"), LONG)
    world.post("warm-up", pool="warm")
    wait_for(lambda: _has_items(world, "warm-up"), LONG)
    warm = [_seconds(world, "warm", each) for each in range(rounds)]
    world.put_pool("scraper-cold", slots=1)
    cold = [_seconds(world, "cold", each) for each in range(rounds)]
    return [
        _at_most("POST → first item, pool warm", warm, 1),
        _at_most("POST → first item, new container needed", cold, 6),
    ]


def _seconds(world: World, pool: str, number: int) -> float:
    """From the post of a configuration to its collection's first item."""
    collection = f"{pool}-{number}"
    started = time.monotonic()
    world.post(collection, pool=pool)
    wait_for(lambda: _has_items(world, collection), LONG)
    return time.monotonic() - started


def _has_items(world: World, collection: str) -> bool:
    found = world.get("datasource", f"/collections/{collection}") or {}
    return bool(found.get("records"))


def measure_memory(world: World) -> Verdict:
    """MiB that each of as many configurations as a replica may have adds to it."""
    world.put_pool("scraper-full", slots=FULL, replicas_min=1)
    [task] = wait_for(lambda: world.tasks("scraper-full"), LONG)
    first = world.post("full", pool="full", ttl=86_400)
    wait_for(lambda: world.claims()[first], LONG)
    wait_for(lambda: _has_items(world, "full"), LONG)
    process = _process_of(
        next(each for each in world.cluster.engines if each.name == task["node"]), task["name"]
    )
    before = process.memory_full_info().uss
    ids = [world.post("full", pool="full", ttl=86_000 - each) for each in range(FULL - 1)]
    wait_for(lambda: all(world.claims()[each] for each in ids), LONG)
    wait_for(lambda: _runs(world) >= FULL - 1, LONG)
    after = process.memory_full_info().uss
    each, whole = (after - before) / (FULL - 1) / 2**20, after / FULL / 2**20
    figure = f"{each:.2f} added, {whole:.2f} of the whole"
    return Verdict(f"memory of a configuration at {FULL} slots", "≤ 2 MiB", figure, whole <= 2)


def _runs(world: World) -> int:
    return len({each["configuration"] for each in world.get("datasource", "/runs?limit=1000")["runs"]})


def _process_of(engine: Engine, name: str) -> psutil.Process:
    [found] = engine.inspect("container", name)
    [process] = psutil.Process(found["State"]["Pid"]).children()  # the first in a container is its init
    return process


def measure_leader(world: World) -> list[Verdict]:
    """Until a pool that was described at the moment of the leader's death has its service."""
    world.orchestrate("second")
    wait_for(lambda: (world.get("second", "/pools") or {}).get("leader") == "first", LONG)
    before = _replicas(world)
    started = time.monotonic()
    world.orchestrators["first"].kill()
    world.put_pool("scraper-after", slots=1)
    name = f"{world.stack}_scraper-after"
    words = ("service", "ls", "--format", "{{.Name}}")
    wait_for(lambda: name in world.cluster.manager.docker(*words).split(), LONG)
    seconds = time.monotonic() - started
    lost = before - _replicas(world)
    return [
        _at_most("leader killed → another acts", [seconds], 5),
        Verdict("replicas touched by that", "0", str(len(lost)), not lost),
    ]


def _replicas(world: World) -> set[str]:
    names = (pool["name"] for pool in world.get("config", "/pools")["pools"])
    return {task["name"] for name in names for task in world.tasks(name)}


def _at_most(what: str, seconds: list[float], goal: float) -> Verdict:
    middle = statistics.median(seconds)
    return Verdict(
        what, f"≤ {goal:g} s", f"{middle:.2f} s ({min(seconds):.2f}–{max(seconds):.2f})", middle <= goal
    )
