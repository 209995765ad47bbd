"""`docker stack deploy` on a real Swarm: all comes up, serves, outlives Consul, is replaced and rolls back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster import images, page
from tests.cluster.engine import Cluster
from tests.cluster.stack import OURS, POOLS, Stack, act_under_load, prepared
from tests.system.machine import wait_for

pytestmark = pytest.mark.timeout(1500)
NEXT, BROKEN = "scrapr:next", "scrapr:broken"
DIES_AS_ENDPOINT_AND_CONFIG = (
    'ENTRYPOINT ["/bin/bash", "-c", "[[ $* =~ (endpoint|config)$ ]] && exit 7; '
    'exec /usr/local/bin/python3 -m scrapr $*", "scrapr"]'
)
MINUTES = 420.0
ITEMS = "/v1/collections/places/items"


@pytest.fixture(scope="module")
def site(cluster: Cluster) -> Iterator[str]:
    """A page at the machine's own address, which containers reach."""
    with page.serving(cluster.wire.address) as site:
        yield site


@pytest.fixture(scope="module")
def stack(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack, ready, on one node."""
    folder, manager = tmp_path_factory.mktemp("stack"), cluster.manager
    servers = images.pack_servers(folder)
    images.furnish(manager, servers)
    servers.unlink()
    images.derive(manager, NEXT, "LABEL next=true")
    images.derive(manager, BROKEN, DIES_AS_ENDPOINT_AND_CONFIG)
    with prepared(cluster, folder / "deploy") as stack:
        stack.deploy(images.STACK)
        stack.wait_until_ready()
        yield stack


@pytest.fixture(scope="module")
def places(stack: Stack, site: str) -> Stack:
    """The stack, with a collection that is served at `ITEMS`."""
    assert stack.post(_configuration(site, "places", ttl=3600)).status_code == 201
    wait_for(lambda: stack.items("places"), 180)
    return stack


def test_all_comes_up_and_a_posted_configuration_is_served_at_the_entry(places: Stack, site: str) -> None:
    unsigned = places.client.post(
        f"{places.url}/v1/configurations", json=_configuration(site, "places", ttl=3600)
    )
    assert unsigned.status_code == 401
    assert sorted(each["title"] for each in places.items("places")) == ["Bar", "Cafe"]


def test_nodes_pools_and_the_dashboard_are_seen_at_the_entry(stack: Stack) -> None:
    """Of pools that an orchestrator made, by way of the engine's proxy."""
    [node] = stack.client.get(f"{stack.url}/v1/nodes").raise_for_status().json()["nodes"]
    assert node["replicas"] == 4
    pools = stack.client.get(f"{stack.url}/v1/pools").raise_for_status().json()["pools"]
    assert {f"scrapr_{pool['name']}" for pool in pools} == set(POOLS)
    assert "<html" in stack.client.get(f"{stack.url}/ui/").raise_for_status().text
    overview = stack.client.get(f"{stack.url}/v1/overview").raise_for_status().json()
    assert {pool["running"] for pool in overview["pools"]} == {2}


def test_it_may_be_deployed_again_and_nothing_changes(stack: Stack) -> None:
    before = stack.docker("ps", "-q", "--filter", "name=scrapr_endpoint")
    stack.deploy(images.STACK)
    stack.wait_until_ready()
    assert stack.docker("ps", "-q", "--filter", "name=scrapr_endpoint") == before


def test_no_request_fails_while_consul_is_gone_nor_when_it_is_back(stack: Stack, site: str) -> None:
    """And what is due is scraped all the while; configurations come in, and how things are is told."""
    body = _configuration(site, "often", ttl=1)
    identity = stack.post(body).raise_for_status().json()["id"]
    wait_for(lambda: _scrapes(stack, identity), MINUTES)
    names = [f"scrapr_consul-{number}" for number in (1, 2, 3)]

    def go_and_come() -> None:
        stack.docker("service", "scale", "--detach", *(f"{name}=0" for name in names))
        wait_for(lambda: not stack.docker("ps", "-q", "--filter", "name=scrapr_consul"), 120)
        assert [each["title"] for each in stack.items("often")]
        for path in ("configurations", "pools", "states", "runs", "collections/often", "overview", "nodes"):
            assert stack.client.get(f"{stack.url}/v1/{path}").status_code == 200, path
        # So many that each scraper gets one, be it that it has never spoken to a datasource before.
        new = [f"meanwhile-{number}" for number in range(6)]
        for name in new:
            assert stack.post({**body, "collection": name}).status_code == 201
        wait_for(lambda: all(stack.items(name) for name in new), MINUTES)
        before = _scrapes(stack, identity)
        wait_for(lambda: _scrapes(stack, identity) >= before + 5, MINUTES)
        stack.docker("service", "scale", "--detach", *(f"{name}=1" for name in names))
        stack.wait_until_ready()

    wait_for(lambda: stack.items("often"), MINUTES)
    assert set(act_under_load(stack, "/v1/collections/often/items", go_and_come)) == {200}


def _configuration(site: str, collection: str, *, ttl: int) -> dict[str, Any]:
    """What is posted for the page at `site`."""
    scraper = {"source": site, "scope": "li.item", "selector": [{"title": "h3"}]}
    return {"type": "scraper", "collection": collection, "scraper": scraper, "ttl": ttl}


def _scrapes(stack: Stack, configuration: str) -> int:
    """How often it was scraped."""
    told = stack.get(f"/v1/runs?configuration={configuration}&limit=1000") or {"runs": []}
    return sum(each["outcome"] == "complete" for each in told["runs"])


@pytest.mark.long
def test_a_new_image_replaces_the_old_one_everywhere_under_load_without_a_failed_request(
    places: Stack,
) -> None:
    """The roles by Swarm, the pools by the orchestrator, once it has the new image itself."""

    def upgrade() -> None:
        places.deploy(NEXT)
        wait_for(lambda: _ended(places, *OURS) == {"completed"} and places.images(*OURS) == {NEXT}, MINUTES)

    assert set(act_under_load(places, ITEMS, upgrade)) == {200}


@pytest.mark.long
def test_an_image_that_does_not_work_is_rolled_back_by_itself_and_costs_no_request(places: Stack) -> None:
    """It dies as config and as an endpoint; what is well with it stays with it."""
    dying = ("scrapr_config", "scrapr_endpoint-default")
    before = places.images(*dying)

    def upgrade() -> None:
        places.deploy(BROKEN)
        wait_for(lambda: _ended(places, "scrapr_config") == {"rollback_completed"}, MINUTES)
        wait_for(lambda: places.label("scrapr_endpoint-default", "scrapr.refused"), MINUTES)

    assert set(act_under_load(places, ITEMS, upgrade)) == {200}
    assert places.images(*dying) == before
    assert places.images("scrapr_datasource", "scrapr_orchestrator") == {BROKEN}


def _ended(stack: Stack, *services: str) -> set[str]:
    return {stack.update_state(each) for each in services}
