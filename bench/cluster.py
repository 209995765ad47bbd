"""Measure scrapr on a Docker Swarm of three engines in network namespaces (root; see `make test-cluster`).

`python -m bench.cluster [ROUNDS]`: from a posted configuration to its first item, with room in a replica that runs and
with a container that must be made first; from the leading orchestrator's death to another's first act; from a worker's
power cut until its configurations are claimed elsewhere; and the memory that a configuration takes in a full replica.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.cluster import image
from tests.cluster.engine import Engine, running_cluster
from tests.cluster.world import World, living_world, wait_for

LONG = 300.0
FULL = 200


def main(rounds: int) -> None:
    """Print each figure beside its goal."""
    with _world() as world:
        world.orchestrate("first")
        warm, cold = _first_items(world, rounds)
        _tell("POST → first item, pool warm", warm, 1.0)
        _tell("POST → first item, new container needed", cold, 6.0)
        memory = _memory_of_each(world)
        print(f"memory of a configuration at {FULL} slots: {memory:.2f} MiB (goal 2)")
        _tell("power of a worker cut → claimed elsewhere", [_cut_power(world)], 20.0)
        _tell("leader killed → another acts", [_kill_leader(world)], 5.0)


@contextmanager
def _world() -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder, running_cluster(3) as cluster:
        packed = image.pack_image(Path(folder))
        for engine in cluster.engines:
            image.load_image(engine, packed)
        for engine in cluster.engines[1:]:
            cluster.label(engine, kind="worker")
        with living_world(cluster, Path(folder)) as world:
            yield world


def _first_items(world: World, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds with a replica that has room, and with one that must be started."""
    world.put_pool("scraper-warm", slots=FULL, replicas_min=1)
    wait_for(lambda: world.tasks("scraper-warm"), LONG)
    world.post("warm-up", pool="warm")
    wait_for(lambda: _has_items(world, "warm-up"), LONG)
    warm = [_seconds(world, "warm", each) for each in range(rounds)]
    world.put_pool("scraper-cold", slots=1)
    cold = [_seconds(world, "cold", each) for each in range(rounds)]
    return warm, cold


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


def _memory_of_each(world: World) -> float:
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
    return float(process.memory_full_info().uss - before) / (FULL - 1) / 2**20


def _runs(world: World) -> int:
    return len({each["configuration"] for each in world.get("datasource", "/runs?limit=1000")["runs"]})


def _process_of(engine: Engine, name: str) -> psutil.Process:
    [found] = engine.inspect("container", name)
    return psutil.Process(found["State"]["Pid"])


def _cut_power(world: World) -> float:
    """Seconds until all that a worker's replicas had is claimed by others."""
    world.put_pool("scraper-wide", slots=4, replicas_min=2, constraints=["node.labels.kind==worker"])
    wait_for(lambda: len(world.tasks("scraper-wide")) == 2, LONG)
    ids = [world.post(f"wide-{each}", pool="wide", ttl=5) for each in range(4)]
    wait_for(lambda: all(world.claims()[each] for each in ids), LONG)
    holder = world.claims()[ids[0]][0]
    node = next(each["node"] for each in world.tasks("scraper-wide") if each["name"] == holder)
    lost = next(each for each in world.cluster.engines if each.name == node)
    started = time.monotonic()
    lost.cut_power()
    cut = time.monotonic()
    wait_for(lambda: all(world.claims()[each] not in ([], [holder]) for each in ids), LONG)
    print(f"  (the cut itself took {cut - started:.1f} s of it)")
    return time.monotonic() - started


def _kill_leader(world: World) -> float:
    """Seconds until a pool that was described at the moment of the leader's death has its service."""
    world.orchestrate("second")
    wait_for(lambda: (world.get("second", "/pools") or {}).get("leader") == "first", LONG)
    started = time.monotonic()
    world.orchestrators["first"].kill()
    world.put_pool("scraper-after", slots=1)
    name = f"{world.stack}_scraper-after"
    words = ("service", "ls", "--format", "{{.Name}}")
    wait_for(lambda: name in world.cluster.manager.docker(*words).split(), LONG)
    return time.monotonic() - started


def _tell(what: str, seconds: list[float], goal: float) -> None:
    spread = f"{statistics.median(seconds):.2f} s ({min(seconds):.2f}–{max(seconds):.2f}, goal {goal:g})"
    print(f"{what}: {spread}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
