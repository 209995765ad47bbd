"""A real Prometheus, set up as the stack sets it up, sees every role by Consul and answers what the boards ask."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped]  # it comes with another package, without its types

from tests import consul as real
from tests.components import require
from tests.conftest import find_free_port
from tests.consul import Consul
from tests.system.conftest import serving_pages
from tests.system.machine import ROLES, Machine, running, wait_for

DEPLOY = Path(__file__).parents[2] / "deploy"
PAGE = '<ul><li class="item"><h3>Mesón</h3></li></ul>'
QUERIES = [
    (board.stem, panel["title"], target["expr"].replace("$__rate_interval", "30s").replace("$__range", "60s"))
    for board in sorted((DEPLOY / "grafana").glob("*.json"))
    for panel in json.loads(board.read_text())["panels"]
    for target in panel["targets"]
]
QUIET = ("webhook_deliveries", "push_clients", "forwarded", "orchestrator_failures")
"""What has no series before the first of it has happened, as in these tests none does."""
pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Prometheus:
    """Where it is, and the machine that it looks at."""

    url: str
    machine: Machine

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The series that a query gives."""
        told = httpx.get(f"{self.url}/api/v1/query", params={"query": query}, timeout=20)
        assert told.status_code == 200, f"{query}: {told.text}"
        return list(told.json()["data"]["result"])


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """It looks each second, where the stack's looks four times a minute."""
    require("prometheus", None if shutil.which("prometheus") else "no prometheus in PATH")
    folder = tmp_path_factory.mktemp("observing")
    with real.running(folder / "consul") as consul:
        found = {"SCRAPR_DISCOVERY_KIND": "consul", "SCRAPR_DISCOVERY_CONSUL_URL": consul.url}
        with (
            running(folder / "machine", **found) as machine,  # type: ignore[arg-type]  # settings alone
            started(folder / "prometheus", consul) as url,
        ):
            yield Prometheus(url, machine)


@contextmanager
def started(folder: Path, consul: Consul) -> Iterator[str]:
    """Prometheus with deploy/prometheus/prometheus.yml.

    Debian's cannot ask Consul, so what Consul tells is written down for it, under the names that Prometheus's own would
    give it.
    """
    folder.mkdir()
    settings = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    [job] = settings["scrape_configs"]
    [services] = {tuple(each["services"]) for each in job.pop("consul_sd_configs")}
    wait_for(lambda: all(consul.get(f"catalog/service/{role}") for role in services), 60)
    job["static_configs"] = [
        _target(each) for role in services for each in consul.get(f"catalog/service/{role}")
    ]
    settings["global"]["scrape_interval"] = "1s"
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    port = find_free_port()
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def _target(service: dict[str, Any]) -> dict[str, Any]:
    """As Prometheus's discovery by Consul names it."""
    meta = {f"__meta_consul_service_metadata_{name}": value for name, value in service["ServiceMeta"].items()}
    address = f"{service['ServiceAddress'] or service['Address']}:{service['ServicePort']}"
    return {"targets": [address], "labels": {"__meta_consul_service": service["ServiceName"], **meta}}


@pytest.fixture(scope="module")
def after_a_run(prometheus: Prometheus) -> Prometheus:
    """Once every role was looked at after a first run, more than once."""
    with serving_pages({"/": PAGE}) as base:
        scraper = {"source": f"{base}/", "scope": "li.item", "selector": [{"title": "h3"}]}
        draft = {"type": "scraper", "collection": "places", "scraper": scraper, "ttl": 1}
        prometheus.machine.post("config", "/v1/configurations", draft).raise_for_status()
        wait_for(lambda: prometheus.machine.items("places"))
        wait_for(lambda: _answers(prometheus) and _looks(prometheus) >= {*ROLES}, 60)
        wait_for(lambda: prometheus.ask("rate(scrapr_scraper_runs_total[30s]) > 0"), 60)
    return prometheus


def _answers(prometheus: Prometheus) -> bool:
    try:
        return httpx.get(f"{prometheus.url}/-/ready").status_code == 200
    except httpx.HTTPError:
        return False


def _looks(prometheus: Prometheus) -> set[str]:
    return {each["metric"]["role"] for each in prometheus.ask("up == 1")}


def test_every_role_is_found_and_known_by_its_container_and_version(after_a_run: Prometheus) -> None:
    seen = after_a_run.ask("up")
    assert {each["metric"]["role"] for each in seen} == set(ROLES)
    assert all(each["metric"]["container"] and each["metric"]["version"] for each in seen)


@pytest.mark.parametrize(
    ("board", "panel", "query"), QUERIES, ids=[f"{each[0]}-{n}" for n, each in enumerate(QUERIES)]
)
def test_what_a_board_asks_is_answered(board: str, panel: str, query: str, after_a_run: Prometheus) -> None:
    """Once a role was looked at twice since: a rate of less does not exist."""
    wait_for(lambda: after_a_run.ask(query) or any(name in query for name in QUIET))
