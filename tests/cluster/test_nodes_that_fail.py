"""Three nodes: copies are apart, and what a lost node did is done elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.engine import Cluster
from tests.cluster.world import World, living_world, wait_for

pytestmark = [pytest.mark.timeout(900), pytest.mark.long]
MINUTES = 300.0


@pytest.fixture
def wide(cluster_of_three: Cluster, tmp_path: Path) -> Iterator[World]:
    """scrapr on three nodes."""
    with living_world(cluster_of_three, tmp_path) as world:
        yield world


def test_copies_are_on_different_nodes_and_outlive_one_of_them(wide: World) -> None:
    """The power of a worker is cut: its configurations are claimed elsewhere, and the other copy serves on."""
    for engine in wide.cluster.engines[1:]:
        wide.cluster.label(engine, kind="worker")
    workers = ["node.labels.kind==worker"]
    wide.put_pool("endpoint-default", copies=2, replicas_min=2, constraints=workers)
    wide.put_pool("scraper-default", slots=2, replicas_min=2, constraints=workers)
    wide.orchestrate()
    wait_for(
        lambda: len(wide.tasks("endpoint-default")) == 2 and len(wide.tasks("scraper-default")) == 2, MINUTES
    )
    ids = [wide.post(f"wide-{number}", ttl=5) for number in range(3)]
    wait_for(lambda: all(wide.claims()[each] for each in ids), MINUTES)
    copies = wait_for(lambda: (found := wide.holders("wide-0", "endpoint"))[1:] and found, MINUTES)
    nodes = {task["name"]: task["node"] for task in wide.tasks("endpoint-default")}
    assert {nodes[each] for each in copies} == {"node2", "node3"}
    lost = wide.cluster.engines[2]
    gone = {
        task["name"] for pool in ("scraper", "endpoint") for task in _on(wide, f"{pool}-default", lost.name)
    }
    lost.cut_power()
    try:
        wait_for(
            lambda: all(wide.claims()[each] and not gone & set(wide.claims()[each]) for each in ids), MINUTES
        )
        wait_for(lambda: not gone & set(wide.holders("wide-0", "endpoint")), MINUTES)
        assert set(copies) - gone <= set(wide.holders("wide-0", "endpoint"))
    finally:
        lost.start()


def _on(world: World, pool: str, node: str) -> list[dict[str, str]]:
    return [task for task in world.tasks(pool) if task["node"] == node]
