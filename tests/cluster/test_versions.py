"""Old and new next to each other, as during an upgrade: some roles of an earlier commit, the others of this one."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cluster.world import end, serving_site, serving_stores, wait_for
from tests.components import require
from tests.conftest import find_free_port

ROOT = Path(__file__).parents[2]
EARLIER = "704afda"
"""The commit that is upgraded from; the last release's, once there is one."""
HERE = "127.0.0.2"
ROLES = ("config", "datasource", "scraper", "endpoint")
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as it was."""
    folder = tmp_path_factory.mktemp("earlier")
    archive = folder / "archive.tar"
    words = ["git", "-C", str(ROOT), "archive", "-o", str(archive), EARLIER, "scrapr"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    require("git", f"no {EARLIER} here: {done.stderr}" if done.returncode else None)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Stores that live through all upgrades of this file."""
    with serving_stores(tmp_path_factory.mktemp("stores"), HERE) as stores:
        yield stores


@pytest.mark.parametrize("new", [("config", "datasource"), ("scraper", "endpoint"), ROLES])
def test_data_flow_between_roles_of_two_versions(
    new: tuple[str, ...], earlier: Path, stores: dict[str, str], tmp_path: Path
) -> None:
    """From the post to the answer; and what was there before the upgrade still is."""
    collection = "-".join(("new", *new))
    with serving_site(HERE) as site, running(new, earlier, stores, tmp_path) as ports:
        draft = {
            "type": "scraper",
            "collection": collection,
            "scraper": {"source": site, "scope": "li.resultItem", "selector": [{"title": "h3"}]},
            "key": ["title"],
            "ttl": 2,
        }
        url = f"http://{HERE}:{ports['config']}/v1/configurations"
        wait_for(lambda: _get(url))
        identity = httpx.post(url, json=draft).raise_for_status().json()["id"]
        wait_for(lambda: len(_items(ports, collection)) == 5)
        runs = f"http://{HERE}:{ports['datasource']}/v1/runs?configuration={identity}"
        wait_for(lambda: len((_get(runs) or {}).get("runs", ())) > 1)
        known = (_get(f"http://{HERE}:{ports['datasource']}/v1/collections") or {})["collections"]
        names = [each["collection"] if "collection" in each else each["name"] for each in known]
        for each in names:
            wait_for(lambda name=each: len(_items(ports, name)) == 5)  # type: ignore[misc] # mypy knows no such lambda


@contextmanager
def running(
    new: tuple[str, ...], earlier: Path, stores: dict[str, str], logs: Path
) -> Iterator[dict[str, int]]:
    """One process of each role; the ports of them."""
    ports = {role: find_free_port() for role in ROLES}
    inherited = os.environ.items()  # noqa: TID251 - what processes are started with, less the settings
    environment = {name: value for name, value in inherited if not name.startswith("SCRAPR_")} | stores
    with ExitStack() as stack:
        for role, port in ports.items():
            told = {
                "SCRAPR_WEB_HOST": HERE,
                "SCRAPR_WEB_PORT": str(port),
                "SCRAPR_FETCH_ALLOW": "127.0.0.0/8",
            }
            told |= {"PYTHONPATH": str(ROOT if role in new else earlier), "SCRAPR_DISCOVERY_TTL": "3"}
            log = stack.enter_context((logs / f"{role}.log").open("wb"))
            command = [sys.executable, "-m", "scrapr", "run", "--role", role]
            process = subprocess.Popen(command, cwd=logs, env=environment | told, stdout=log, stderr=log)
            stack.callback(end, process)
        yield ports


def _items(ports: dict[str, int], collection: str) -> list[dict[str, Any]]:
    found = _get(f"http://{HERE}:{ports['endpoint']}/v1/collections/{collection}/items")
    return list((found or {}).get("items", ()))


def _get(url: str) -> Any:
    """What is answered; None where nothing, or an error, is."""
    try:
        return httpx.get(url, timeout=10).raise_for_status().json()
    except httpx.HTTPError:
        return None
