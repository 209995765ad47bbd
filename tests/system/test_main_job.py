"""The main job, as the thesis describes it: a posted configuration becomes a live API."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import lxml.html
import pytest

from scrapr.demo import show
from scrapr.demo import site as demo_site
from tests.system.conftest import serving_folder
from tests.system.machine import Machine, free_port_base, running, wait_for

ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine that serves one collection only."""
    with running(tmp_path_factory.mktemp("main") / "data") as started:
        yield started


@pytest.fixture(scope="module")
def posted(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The thesis's configuration, accepted, with only the source changed; its run is done."""
    folder = tmp_path_factory.mktemp("site")
    for page in (demo_site.PAGES / "busqueda/logrono").iterdir():
        text = (
            page.read_text()
            .replace('href="/busqueda/logrono/', 'href="/')
            .replace('">Siguiente', '.html">Siguiente')
        )
        (folder / page.name).write_text(text)
    with serving_folder(folder) as base:
        answer = machine.post("config", "/configurations", show.configuration(f"{base}/1.html"))
        assert answer.status_code == 201, answer.text
        configuration = answer.json()
        assert machine.wait_for_run(configuration["id"])["outcome"] == "complete"
        wait_for(lambda: len(machine.items("restaurants")) == 14)
        yield configuration


def test_the_configuration_of_the_thesis_is_accepted_unchanged(posted: dict[str, Any]) -> None:
    assert posted["collection"] == "restaurants"
    assert posted["revision"] == 1


def test_the_endpoint_answers_in_the_shape_of_the_thesis(machine: Machine, posted: dict[str, Any]) -> None:
    found = machine.get("endpoint", "/items").json()
    assert isinstance(found, list)
    first = found[0]
    assert list(first) == ["title", "items", "timestamp"]
    assert first["title"] == "Mesón Chuchi"
    assert first["items"] == [
        "Ctra de Vitoria, 2 26360 Fuenmayor",
        "Avenida Ciudad de Vitoria, 4 26360 Fuenmayor",
    ]
    assert ISO.fullmatch(first["timestamp"])


def test_items_come_in_the_order_of_the_pages_and_no_further_than_the_limit(
    machine: Machine, posted: dict[str, Any]
) -> None:
    expected: list[str] = []
    for number in (1, 2, 3):
        page = lxml.html.parse(
            str(demo_site.PAGES / f"busqueda/logrono/{number}.html"), lxml.html.HTMLParser(encoding="utf-8")
        )
        expected += [str(each.text) for each in page.getroot().cssselect("h3.resultItem-name a")]
    assert [item["title"] for item in machine.items("restaurants")] == list(dict.fromkeys(expected))


def test_the_versioned_answer_has_paging_beside_the_items(machine: Machine, posted: dict[str, Any]) -> None:
    first = machine.get("endpoint", "/v1/collections/restaurants/items", limit=10).json()
    assert (first["collection"], first["total"], first["stale"]) == ("restaurants", 14, False)
    assert len(first["items"]) == 10
    rest = machine.get("endpoint", "/v1/collections/restaurants/items", limit=10, cursor=first["next"]).json()
    assert len(rest["items"]) == 4
    assert rest["next"] is None


def test_who_has_the_newest_answer_is_told_so(machine: Machine, posted: dict[str, Any]) -> None:
    answer = machine.get("endpoint", "/v1/collections/restaurants/items")
    url = machine.url("endpoint") + "/v1/collections/restaurants/items"
    again = httpx.get(url, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_every_change_has_the_next_version(machine: Machine, posted: dict[str, Any]) -> None:
    changes = machine.get("datasource", "/v1/collections/restaurants/changes", since=0).json()
    assert [change["version"] for change in changes["changes"]] == list(range(1, changes["version"] + 1))
    assert machine.get("endpoint", "/v1/collections/restaurants/items").headers[
        "X-Collection-Version"
    ] == str(changes["version"])


def test_every_route_of_the_thesis_answers(machine: Machine, posted: dict[str, Any]) -> None:
    identity = posted["id"]
    for role, path in [
        ("scraper", "/"),
        ("scraper", "/ping"),
        ("scraper", "/configurations"),
        ("scraper", "/scraper/start"),
        ("datasource", "/"),
        ("datasource", "/ping"),
        ("datasource", "/collections"),
        ("datasource", "/collections/restaurants"),
        ("endpoint", "/"),
        ("endpoint", "/ping"),
        ("endpoint", "/configurations"),
        ("endpoint", "/items"),
        ("config", "/"),
        ("config", "/ping"),
        ("config", "/configurations"),
        ("config", f"/configurations/{identity}"),
        ("config", "/configurations?container=null&limit=1"),
        ("orchestrator", "/ping"),
    ]:
        for prefix in ("", "/v1") if path != "/" else ("",):
            answer = httpx.get(machine.url(role) + prefix + path, follow_redirects=True, timeout=20)
            assert answer.status_code in {200, 202}, (role, prefix + path, answer.text)
    assert httpx.put(machine.url("scraper") + "/configurations", timeout=20).status_code == 200


async def test_the_demo_site_is_served_with_its_pages_linked() -> None:
    async with demo_site.serving() as url, httpx.AsyncClient() as client:
        page = lxml.html.fromstring((await client.get(url)).text)
        [link] = page.cssselect("div.pagination li.next a")
        answer = await client.get(httpx.URL(url).join(str(link.get("href"))))
        assert answer.status_code == 200
        missing = await client.get(url + "/99")
        assert missing.status_code == 404


def test_the_demo_shows_the_data_and_ends(tmp_path: Path) -> None:

    command = [sys.executable, "-m", "scrapr", "demo", "--once", "--port-base", str(free_port_base())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert "14 items" in done.stdout
    assert "Mesón Chuchi" in done.stdout
    assert "/v1/collections/restaurants/items" in done.stdout
