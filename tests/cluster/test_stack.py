"""`docker stack deploy` on a real Swarm: all comes up, serves, outlives Consul, is replaced and rolls back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scrapr.embedded import binaries
from tests.cluster import bases
from tests.cluster.engine import Cluster
from tests.cluster.image import TAG
from tests.cluster.stack import Stack, act_under_load, prepared
from tests.system.machine import wait_for

pytestmark = pytest.mark.timeout(1500)
PAGE = b'<ul><li class="item"><h3>Bar</h3></li><li class="item"><h3>Cafe</h3></li></ul>'
IMAGE, NEXT, BROKEN = "scrapr:stack", "scrapr:next", "scrapr:broken"
AS_DEPLOYED = "".join(
    f"{line}\n"
    for line in (Path(__file__).parents[2] / "Dockerfile").read_text().splitlines()
    if line.startswith(("USER ", "HEALTHCHECK "))
)
"""What the Dockerfile says of user and health, for the image that was not made by it."""
ITEMS = "/v1/collections/places/items"
STAND_INS = ("redis:7", "mongo:6", "nginx:1", "hashicorp/consul:1")


class Page(BaseHTTPRequestHandler):
    """Two places."""

    def do_GET(self) -> None:
        body = PAGE if self.path == "/" else b""
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site(cluster: Cluster) -> Iterator[str]:
    """A page at the machine's own address, which containers reach."""
    with ThreadingHTTPServer((cluster.wire.address, 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://{cluster.wire.address}:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def stack(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack, ready, on one node."""
    folder = tmp_path_factory.mktemp("stack")
    bases.pack_servers(folder / "servers.tar", asyncio.run(binaries.find_mongod()))
    bases.load(cluster.manager, folder / "servers.tar", STAND_INS[0])
    for name in STAND_INS[1:]:
        cluster.manager.docker("tag", STAND_INS[0], name)
    (folder / "servers.tar").unlink()
    with prepared(cluster, folder / "deploy") as stack:
        for image, line in {
            IMAGE: "",
            NEXT: "LABEL next=true",
            BROKEN: 'ENTRYPOINT ["/bin/bash", "-c", "exit 7"]',
        }.items():
            _derive(stack, image, f"{AS_DEPLOYED}ENV HOME=/tmp\n{line}")
        stack.deploy(IMAGE)
        stack.wait_until_ready()
        yield stack


def test_all_comes_up_and_a_posted_configuration_is_served_at_the_entry(stack: Stack, site: str) -> None:
    scraper = {"source": site, "scope": "li.item", "selector": [{"title": "h3"}]}
    body = {"type": "scraper", "collection": "places", "scraper": scraper, "ttl": 3600}
    assert stack.client.post(f"{stack.url}/v1/configurations", json=body).status_code == 401
    assert stack.post(body).status_code == 201
    wait_for(lambda: sorted(each["title"] for each in stack.items("places")) == ["Bar", "Cafe"], 180)


def test_it_may_be_deployed_again_and_nothing_changes(stack: Stack) -> None:
    before = stack.docker("ps", "-q", "--filter", "name=scrapr_endpoint")
    stack.deploy(IMAGE)
    stack.wait_until_ready()
    assert stack.docker("ps", "-q", "--filter", "name=scrapr_endpoint") == before


def test_no_request_fails_while_consul_is_gone_nor_when_it_is_back(stack: Stack) -> None:
    names = [f"scrapr_consul-{number}" for number in (1, 2, 3)]

    def go_and_come() -> None:
        stack.docker("service", "scale", "--detach", *(f"{name}=0" for name in names))
        wait_for(lambda: not stack.docker("ps", "-q", "--filter", "name=scrapr_consul"), 120)
        assert [each["title"] for each in stack.items("places")]
        stack.docker("service", "scale", "--detach", *(f"{name}=1" for name in names))
        stack.wait_until_ready()

    assert set(act_under_load(stack, ITEMS, go_and_come)) == {200}


@pytest.mark.long
def test_a_new_image_replaces_the_old_one_under_load_without_a_failed_request(stack: Stack) -> None:
    assert set(act_under_load(stack, ITEMS, lambda: _expect("completed", stack, NEXT))) == {200}
    assert _images(stack) == {NEXT}


@pytest.mark.long
def test_an_image_that_does_not_work_is_rolled_back_by_itself_and_costs_no_request(stack: Stack) -> None:
    assert set(act_under_load(stack, ITEMS, lambda: _expect("rollback_completed", stack, BROKEN))) == {200}
    assert _images(stack) == {NEXT}


def _expect(outcome: str, stack: Stack, image: str) -> None:
    assert stack.update("endpoint", image) == outcome


def _images(stack: Stack) -> set[str]:
    """What the endpoints run now."""
    running = ("-f", "desired-state=running", "--format", "{{.Image}}")
    return set(stack.docker("service", "ps", "scrapr_endpoint", *running).split())


def _derive(stack: Stack, image: str, lines: str) -> None:
    """An image that is the one under test but for these lines."""
    context = stack.folder / "derived"
    context.mkdir(exist_ok=True)
    (context / "Dockerfile").write_text(f"FROM {TAG}\n{lines}\n")
    stack.docker("build", "-q", "-t", image, str(context))
