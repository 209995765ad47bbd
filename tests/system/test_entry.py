"""The public entry: a real NGINX with deploy/nginx/nginx.conf, Consul's DNS, and real endpoints behind it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import consul as real
from tests.components import require
from tests.conftest import find_free_port
from tests.consul import Consul
from tests.system.conftest import serving_pages
from tests.system.machine import Machine, running, wait_for

DEPLOY = Path(__file__).parents[2] / "deploy"
PAGE = '<ul><li class="item"><h3>Mesón</h3></li><li class="item"><h3>Bar</h3></li></ul>'
CONFIGURATION = {
    "type": "scraper",
    "collection": "places",
    "scraper": {"scope": "li.item", "selector": [{"title": "h3"}]},
    "ttl": 3600,
}


@dataclass(frozen=True)
class Entry:
    """An NGINX, and the machine behind it."""

    url: str
    machine: Machine
    consul: Consul
    client: httpx.Client
    certificate: Path

    def scrapr(self, *words: str) -> str:
        """What a command says that speaks to the entry."""
        told = {"SCRAPR_CLIENT_ENTRY": self.url, "SSL_CERT_FILE": str(self.certificate)}
        command = [sys.executable, "-m", "scrapr", *words]
        environment = self.machine.environment | told
        return subprocess.run(command, env=environment, text=True, check=True, capture_output=True).stdout


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Entry]:
    """`scrapr up` that finds its peers by Consul, and NGINX before it."""
    folder = tmp_path_factory.mktemp("entry")
    by_consul: dict[str, Any] = {"SCRAPR_DISCOVERY_KIND": "consul", "SCRAPR_DISCOVERY_TTL": "3"} | {
        "SCRAPR_ENDPOINT_CACHE_MOST": "1"
    }
    with real.running(folder / "consul") as consul:
        url: dict[str, Any] = {"SCRAPR_DISCOVERY_CONSUL_URL": consul.url, "SCRAPR_REDIS_URL": redis_url}
        with (
            running(folder / "machine", **by_consul, **url) as machine,
            nginx(folder / "nginx", machine, consul) as entry,
            httpx.Client(verify=False, timeout=20) as client,
        ):
            yield Entry(entry, machine, consul, client, folder / "nginx/tls_certificate")


@contextmanager
def nginx(folder: Path, machine: Machine, consul: Consul) -> Iterator[str]:
    """NGINX as the stack runs it, but on loopback: its own ports, those of the machine, Consul's DNS itself."""
    require("nginx", None if shutil.which("nginx") else "no nginx in PATH")
    folder.mkdir()
    plain, secure = find_free_port(), find_free_port()
    subprocess.run([DEPLOY / "secrets.sh"], env={"PATH": "/usr/bin:/bin", "SECRETS": str(folder)}, check=True)
    text = (DEPLOY / "nginx/nginx.conf").read_text()
    before, rest = text.split("\nstream {", 1)
    text = before + rest.split("\n}\n", 1)[1]
    for old, new in {
        "resolver 127.0.0.1:8600": f"resolver 127.0.0.1:{consul.ports['dns']}",
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ": f"listen 127.0.0.1:{secure} ",
        "/tmp/": f"{folder}/",
        "/run/secrets": str(folder),
        "/dev/stdout": f"{folder}/access.log",
        "/dev/stderr": f"{folder}/error.log",
        "endpoint:3002": f"endpoint:{machine.port_base + 2}",
        "config:3003": f"config:{machine.port_base + 3}",
        "datasource:3001": f"datasource:{machine.port_base + 1}",
        "orchestrator:3004": f"orchestrator:{machine.port_base + 4}",
    }.items():
        assert old in text
        text = text.replace(old, new)
    # Of root's NGINX the workers would be somebody else, who may not enter the folders of a test.
    user = "" if os.geteuid() else "user root;\n"
    (folder / "nginx.conf").write_text(f"daemon off;\n{user}{text}")
    with (folder / "output").open("wb") as output:
        command = ["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        wait_for(lambda: process.poll() is not None or _answers(plain), 30)
        assert process.poll() is None, (folder / "output").read_text()
        yield f"https://127.0.0.1:{secure}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ping").status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="module")
def places(entry: Entry) -> str:
    """The URL of a collection that came in through the entry."""
    with serving_pages({"/": PAGE}) as base:
        scraper = {**CONFIGURATION["scraper"], "source": f"{base}/"}  # type: ignore[dict-item] # it is one
        answer = wait_for(lambda: _post(entry, {**CONFIGURATION, "scraper": scraper}), 60)
        assert answer.status_code == 201, answer.text
        items = f"{entry.url}/v1/collections/places/items"
        wait_for(lambda: _titles(entry, items) == ["Bar", "Mesón"], 90)
    return items


def _post(entry: Entry, body: object) -> httpx.Response | None:
    """The answer to a posted configuration, once config is known to Consul's DNS."""
    answer = entry.client.post(f"{entry.url}/v1/configurations", json=body)
    return None if answer.status_code == 502 else answer


def _titles(entry: Entry, url: str) -> list[str]:
    answer = entry.client.get(url)
    assert answer.status_code != 500, answer.text
    return sorted(each["title"] for each in answer.json()["items"]) if answer.status_code == 200 else []


def test_a_configuration_comes_in_and_its_data_go_out_by_one_address(entry: Entry, places: str) -> None:
    answer = entry.client.get(places)
    assert answer.headers["Cache-Control"].startswith("public, max-age=")
    again = entry.client.get(places, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_many_who_ask_at_once_are_answered_from_one_answer(entry: Entry, places: str) -> None:
    found = Counter(entry.client.get(places).headers["X-Cache"] for _ in range(50))
    assert found["HIT"] + found["UPDATING"] + found["STALE"] > found["MISS"] + found["EXPIRED"]


def test_what_the_datasource_alone_knows_of_a_collection_is_told_at_the_entry(
    entry: Entry, places: str
) -> None:
    collection = places.removesuffix("/items")
    history = entry.client.get(f"{collection}/records/Bar/history")
    assert [each["op"] for each in history.raise_for_status().json()["changes"]] == ["create"]
    assert entry.client.get(f"{collection}/quarantine").raise_for_status().json()["items"] == []
    assert len(entry.client.get(collection).raise_for_status().json()["records"]) == 2
    assert entry.client.delete(f"{entry.url}/v1/collections/unknown").status_code == 404


def test_commands_speak_to_a_cluster_at_its_entry(entry: Entry, places: str) -> None:
    assert "places" in entry.scrapr("ls")
    assert "Mesón" in entry.scrapr("items", "places")
    assert "scraper-default" in entry.scrapr("pools")
    assert "nothing" not in entry.scrapr("quarantine", "places")
    status = entry.scrapr("status")
    assert "places" in status
    assert "datasource" in status


def test_what_roles_say_to_each_other_is_not_public(entry: Entry) -> None:
    for path in ("/v1/claims", "/v1/items", "/metrics", "/v1/collections/../claims", "/claims"):
        for method in ("GET", "POST"):
            assert entry.client.request(method, f"{entry.url}{path}").status_code in {404, 405}, path


def test_events_come_through_as_they_are_sent(entry: Entry, places: str) -> None:
    url = places.replace("/items", "/changes?since=0")
    with entry.client.stream("GET", url, headers={"Accept": "text/event-stream"}) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert next(line for line in answer.iter_lines() if line.startswith("data:"))


def test_an_endpoint_that_dies_costs_no_request(entry: Entry, places: str) -> None:
    with second_endpoint(entry) as other:

        def both() -> bool:
            present = entry.consul.get("health/service/endpoint?passing=1")
            return {each["Service"]["Address"] for each in present} == {"127.0.0.1", "127.0.0.2"}

        wait_for(both, 60)
        assert _statuses_while(entry, places, other.kill) == {200}
    wait_for(lambda: len(entry.consul.get("health/service/endpoint?passing=1")) == 1, 60)


def _statuses_while(entry: Entry, url: str, act: object) -> set[int]:
    """The statuses of requests that no cache answers, before, while and after `act` is done."""
    found: list[int] = []
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(verify=False, timeout=30) as client:
            while not stop.is_set():
                found.append(client.get(url, headers={"Authorization": "Bearer of-nobody"}).status_code)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(found) > 100, 60)
    act()  # type: ignore[operator] # a function
    seen = len(found)
    wait_for(lambda: len(found) > seen + 200, 60)
    stop.set()
    for thread in threads:
        thread.join()
    return set(found)


@contextmanager
def second_endpoint(entry: Entry) -> Iterator[subprocess.Popen[bytes]]:
    """One more endpoint, at another address of loopback and the same port, as in a cluster."""
    settings = {
        "SCRAPR_WEB_HOST": "127.0.0.2",
        "SCRAPR_WEB_PORT": str(entry.machine.port_base + 2),
        "SCRAPR_CLAIM_CONTAINER": "second",
    }
    command = [sys.executable, "-m", "scrapr", "run", "--role=endpoint"]
    with (entry.machine.data.parent / "second.log").open("wb") as log:
        process = subprocess.Popen(command, env=entry.machine.environment | settings, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
