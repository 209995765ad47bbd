"""The stack on three nodes that pull from a registry: all run one digest, and one of them loses its power."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import bases, image, images, page, registry
from tests.cluster.engine import Cluster, running_cluster
from tests.cluster.stack import OURS, POOLS, READY_WITHIN, Stack, act_under_load, prepared
from tests.system.machine import wait_for

pytestmark = [pytest.mark.timeout(1500), pytest.mark.long]
VERSION = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["version"]
COUNT = 6
NAMES = ("scrapr", "scrapr-own", "servers")


@pytest.fixture(scope="module")
def nodes() -> Iterator[Cluster]:
    """A manager and two workers that have no image at all."""
    with running_cluster(3) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where Docker's client keeps what it was logged in with."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def pushed(
    nodes: Cluster, packed_image: Path, home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """What was pushed to a registry, by its name with the digest: scrapr, and the servers around it."""
    folder = tmp_path_factory.mktemp("registry")
    engine = nodes.manager
    image.load_image(engine, packed_image)
    images.derive(engine, f"scrapr:{VERSION}")
    images.derive(engine, f"scrapr-own:{VERSION}", "LABEL own=true")
    servers = images.pack_servers(folder)
    bases.load(engine, servers, f"servers:{VERSION}")
    servers.unlink()
    with registry.serving(nodes.wire, folder) as where:
        registry.log_in(engine, where, home)
        yield {name: registry.push(engine, where, name, home) for name in NAMES}


@pytest.fixture(scope="module")
def stack(
    nodes: Cluster, pushed: dict[str, str], home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """The whole stack, ready, by digests, from a registry that asks who pulls."""
    asked = {"HOME": str(home), "SCRAPR_REGISTRY_LOGIN": registry.LOGIN}
    servers = {f"{name}_IMAGE": pushed["servers"] for name in ("MONGO", "REDIS", "CONSUL", "NGINX")}
    with prepared(nodes, tmp_path_factory.mktemp("stack") / "deploy") as stack:
        stack.deploy(pushed["scrapr"], "--with-registry-auth", **servers, **asked)
        stack.wait_until_ready()
        yield stack


@pytest.fixture(scope="module")
def site(nodes: Cluster) -> Iterator[str]:
    """A page at the machine's own address, which containers reach."""
    with page.serving(nodes.wire.address) as site:
        yield site


def test_every_node_runs_the_digest_that_was_pushed(stack: Stack, pushed: dict[str, str]) -> None:
    """Roles and pools alike, each pulled where it runs."""
    assert "@sha256:" in pushed["scrapr"]
    assert stack.images(*OURS) == {pushed["scrapr"]}
    for engine in stack.cluster.engines:
        [found] = engine.inspect("image", pushed["scrapr"])
        assert pushed["scrapr"] in found["RepoDigests"]


def test_a_pool_has_an_image_of_its_own_pulled_from_a_registry_that_asks_who_pulls(
    stack: Stack, pushed: dict[str, str]
) -> None:
    """No node has it, and the login of `docker stack deploy` is for the services of its file."""
    service = "scrapr_scraper-own"
    stack.put_pool("scraper-own", image=pushed["scrapr-own"], replicas_min=1)
    wait_for(lambda: service in stack.docker("service", "ls", "--format", "{{.Name}}").split(), READY_WITHIN)
    stack.wait_until_ready()
    assert stack.images(service) == {pushed["scrapr-own"]}


def test_what_a_node_without_power_did_is_done_elsewhere_and_no_request_fails(
    stack: Stack, site: str
) -> None:
    """Each scraper is full, so that a new one must come; stores go on with two of three members."""
    stack.put_pool("endpoint-default", replicas_min=3, slots=COUNT, copies=2)
    stack.put_pool("scraper-default", replicas_min=3, slots=COUNT // 3)
    wait_for(lambda: len(set(stack.nodes_of("scrapr_scraper-default").values())) == 3, READY_WITHIN)
    wait_for(lambda: len(set(stack.nodes_of("scrapr_endpoint-default").values())) == 3, READY_WITHIN)
    wait_for(lambda: {stack.update_state(pool) for pool in POOLS} == {"completed"}, READY_WITHIN)
    stack.wait_until_ready()
    ids = [_post(stack, f"places-{number}", site) for number in range(COUNT)]
    wait_for(lambda: all(len(stack.items(f"places-{number}")) == 2 for number in range(COUNT)), READY_WITHIN)
    nodes = stack.nodes_of("scrapr_scraper-default")
    wait_for(lambda: all(_holder(stack, each) in nodes for each in ids), READY_WITHIN)
    before = {each: _holder(stack, each) for each in ids}
    lost = next(
        each for each in stack.cluster.engines[1:] if each.name in {nodes[one] for one in before.values()}
    )
    hit = [each for each in ids if nodes[before[each]] == lost.name]
    runs = {each: stack.runs(each) for each in hit}

    def cut() -> None:
        lost.cut_power()
        wait_for(lambda: all(_holder(stack, each) not in {"", before[each]} for each in hit), READY_WITHIN)
        wait_for(lambda: all(stack.runs(each) - runs[each] for each in hit), READY_WITHIN)

    try:
        assert set(act_under_load(stack, "/v1/collections/places-0/items", cut)) == {200}
    finally:
        lost.start()
    stack.wait_until_ready()


def _post(stack: Stack, collection: str, site: str) -> str:
    scraper = {"source": site, "scope": "li.item", "selector": [{"title": "h3"}]}
    body = {"type": "scraper", "collection": collection, "scraper": scraper, "ttl": 5}
    identity: str = stack.post(body).raise_for_status().json()["id"]
    return identity


def _holder(stack: Stack, identity: str) -> str:
    """Who has claimed a configuration; empty while nobody has."""
    found = stack.get(f"/v1/configurations/{identity}") or {}
    return found.get("container") or ""
