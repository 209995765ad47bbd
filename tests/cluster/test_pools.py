"""Pools as services of a real Swarm: each configuration its own container, or many in one; what drifts comes back."""

from __future__ import annotations

import pytest

from tests.cluster.image import TAG
from tests.cluster.world import World, wait_for

pytestmark = pytest.mark.timeout(600)


def test_with_one_slot_each_configuration_has_a_scraper_and_an_endpoint_of_its_own(world: World) -> None:
    """The thesis's way: two containers for each, which claim under the names that `docker service ps` shows."""
    world.put_pool("scraper-default", slots=1)
    world.put_pool("endpoint-default", slots=1)
    ids = [world.post(f"alone-{number}") for number in range(2)]
    world.orchestrate()
    wait_for(lambda: all(len(world.tasks(f"{role}-default")) == 2 for role in ("scraper", "endpoint")))
    wait_for(lambda: all(len(holders) == 1 for holders in world.claims().values()))
    names = {task["name"] for role in ("scraper", "endpoint") for task in world.tasks(f"{role}-default")}
    assert {holder for (holder,) in world.claims().values()} == names
    shown = world.get("config", f"/configurations/{ids[0]}")
    assert shown["container"] in names
    wait_for(lambda: len((world.get("datasource", "/collections/alone-1") or {}).get("records", ())) == 5)


def test_one_container_hosts_two_hundred_configurations(world: World) -> None:
    """With as many slots; and what people do to its service by hand is put right."""
    world.put_pool("scraper-many", slots=200)
    for number in range(200):
        world.post("many", pool="many", ttl=3600 + number)
    stranger = world.cluster.manager.docker(
        "service", "create", "-q", "--replicas", "0", "--name", "stranger", TAG
    )
    version = world.cluster.manager.inspect("service", "stranger")[0]["Version"]["Index"]
    world.orchestrate()
    wait_for(lambda: world.get("config", "/pools")["pools"] and _claimed(world, "scraper-many") == 200)
    [task] = world.tasks("scraper-many")
    holders = {name for each in world.claims().values() for name in each if "scraper-many" in name}
    assert holders == {task["name"]}
    name = f"{world.stack}_scraper-many"
    world.cluster.manager.docker("service", "scale", "--detach", f"{name}=3")
    wait_for(lambda: _replicas(world, name) == 1)
    world.cluster.manager.docker("service", "rm", name)
    wait_for(lambda: [each for each in world.tasks("scraper-many") if each["name"] != task["name"]])
    [found] = world.cluster.manager.inspect("service", "stranger")
    assert (found["ID"], found["Version"]["Index"]) == (stranger, version)
    world.cluster.manager.docker("service", "rm", "stranger")


def _claimed(world: World, pool: str) -> int:
    found = world.get("config", "/pools")["pools"]
    return next(int(each["claimed"]) for each in found if each["name"] == pool)


def _replicas(world: World, name: str) -> int:
    [service] = world.cluster.manager.inspect("service", name)
    return int(service["Spec"]["Mode"]["Replicated"]["Replicas"])


def test_what_has_no_room_is_told_with_the_reason(world: World) -> None:
    """And runs once there is a node for it: a pool by place."""
    world.put_pool("scraper-eu", constraints=["node.labels.region == eu"], cpu=0.1, memory=64)
    identity = world.post("europe", pool="eu")
    world.orchestrate()
    expected = "no node has room for it: no suitable node"
    wait_for(lambda: expected in (world.pool("scraper-eu").get("reason") or ""))
    world.cluster.label(world.cluster.manager, region="eu")
    wait_for(lambda: world.claims()[identity])
    [service] = world.cluster.manager.inspect("service", f"{world.stack}_scraper-eu")
    resources = service["Spec"]["TaskTemplate"]["Resources"]
    assert resources["Limits"] == {"NanoCPUs": 100_000_000, "MemoryBytes": 64 * 2**20}
