"""Bad input gets a clear answer that names the field and what is allowed; nothing is lost, nothing half-done."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.conftest import find_free_port
from tests.system.conftest import Site
from tests.system.machine import ROLES, Machine, wait_for

GOOD: dict[str, Any] = {
    "type": "scraper",
    "collection": "bad-input",
    "scraper": {"source": "http://127.0.0.1/", "scope": "li", "selector": [{"title": "a"}]},
    "ttl": 300,
}
WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("a missing field", {"type": "scraper", "scraper": GOOD["scraper"]}, "collection"),
    ("an unknown field", GOOD | {"colour": "red"}, "colour"),
    ("a ttl of 0", GOOD | {"ttl": 0}, "ttl"),
    ("a ttl in words", GOOD | {"ttl": "5m"}, "ttl"),
    (
        "a source that is no web address",
        GOOD | {"scraper": GOOD["scraper"] | {"source": "ftp://a/b"}},
        "scraper.source",
    ),
    ("a source that is no URL", GOOD | {"scraper": GOOD["scraper"] | {"source": "a b"}}, "scraper.source"),
    (
        "a selector that cannot be parsed",
        GOOD | {"scraper": GOOD["scraper"] | {"selector": [{"title": "h3 >> a["}]}},
        "scraper.selector[0].title",
    ),
    (
        "a scope that cannot be parsed",
        GOOD | {"scraper": GOOD["scraper"] | {"scope": "li:nth(("}},
        "scraper.scope",
    ),
    ("an operator as a name", GOOD | {"collection": "$where"}, "collection"),
    ("a slash in a name", GOOD | {"collection": "a/b"}, "collection"),
    ("a NUL in a name", GOOD | {"collection": "a\0b"}, "collection"),
    ("a name of 10 kB", GOOD | {"collection": "a" * 10_000}, "collection"),
    ("items without a key", GOOD | {"scraper": GOOD["scraper"] | {"selector": [{"name": "a"}]}}, "key"),
    ("a pool that is not there", GOOD | {"pool": "moon"}, "pool"),
]


@pytest.mark.parametrize(("what", "body", "field"), WRONG, ids=[what for what, _, _ in WRONG])
def test_a_wrong_configuration_is_refused_by_the_name_of_the_field(
    machine: Machine, what: str, body: dict[str, Any], field: str
) -> None:
    answer = machine.post("config", "/v1/configurations", body)
    assert answer.status_code in {400, 422}
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    named = {error["field"]: error for error in answer.json()["errors"]}
    assert field in named, (what, answer.text)
    assert named[field]["problem"]


def test_all_wrong_fields_are_named_at_once_and_nothing_is_stored(machine: Machine) -> None:
    body = {
        "type": "scraper",
        "collection": "a/b",
        "ttl": 0,
        "scraper": {"source": "x", "selector": [{"title": "a["}]},
    }
    answer = machine.post("config", "/configurations", body)
    assert {error["field"] for error in answer.json()["errors"]} >= {
        "collection",
        "ttl",
        "scraper.source",
        "scraper.selector[0].title",
    }
    stored = machine.get("config", "/v1/configurations").json()["configurations"]
    assert not [each for each in stored if each["collection"] in {"a/b", "bad-input"}]


def test_the_place_of_a_wrong_selector_is_told(machine: Machine) -> None:
    body = GOOD | {"scraper": GOOD["scraper"] | {"selector": [{"title": "h3 > a[href"}]}}
    [error] = machine.post("config", "/v1/configurations", body).json()["errors"]
    assert isinstance(error["position"], int)


def test_what_is_not_json_is_refused(machine: Machine) -> None:
    for content in (b"{", b"", b"\xff\xfe", b'{"ttl": NaN}'):
        answer = httpx.post(machine.url("config") + "/v1/configurations", content=content)
        assert answer.status_code == 400
        assert "JSON" in answer.json()["detail"]


def test_a_batch_over_the_limit_is_refused_with_413(machine: Machine) -> None:
    body = {"collection": "too-large", "data": [{"title": "x" * 17 * 2**20}]}
    answer = machine.post("datasource", "/v1/items", body)
    assert answer.status_code == 413
    assert answer.headers["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize("role", ROLES)
def test_every_read_names_a_parameter_that_it_does_not_know(machine: Machine, role: str) -> None:
    for path, operations in machine.get(role, "/openapi.json").json()["paths"].items():
        responses = operations.get("get", {}).get("responses", {})
        if "422" not in responses or path.endswith("/items"):  # items may be asked for by any field
            continue
        answer = machine.get(role, re.sub("{.*?}", "a", path), odd="1")
        assert answer.status_code == 422, path
        [fault] = answer.json()["errors"]
        assert (fault["field"], fault["problem"]) == ("odd", "is not a known field"), path
        assert fault["allowed"], path


@pytest.mark.parametrize("name", ["$where", "a%2Fb", "a%00b", "a" * 10_000])
def test_a_batch_for_an_impossible_collection_is_refused(machine: Machine, name: str) -> None:
    answer = machine.post(
        "datasource", "/v1/items", {"collection": httpx.URL(f"/{name}").path[1:], "data": []}
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "collection"


def test_an_unknown_collection_is_answered_with_near_names(machine: Machine, site: Site) -> None:
    scrape(machine, "mountains", site("/", "<li><a>one</a></li>"), outcome="complete")
    wait_for(lambda: machine.items("mountains"))
    for role, path in (
        ("endpoint", "/v1/collections/montains/items"),
        ("datasource", "/v1/collections/montains"),
    ):
        answer = machine.get(role, path)
        assert answer.status_code == 404
        assert "mountains" in answer.json()["detail"]


def scrape(machine: Machine, collection: str, source: str, *, outcome: str, ttl: int = 300) -> dict[str, Any]:
    """Post a configuration for a list of links, and wait for its first run, which ends as `outcome`."""
    body = GOOD | {"collection": collection, "ttl": ttl, "scraper": GOOD["scraper"] | {"source": source}}
    answer = machine.post("config", "/v1/configurations", body)
    assert answer.status_code == 201, answer.text
    run = machine.wait_for_run(answer.json()["id"])
    assert run["outcome"] == outcome, run
    return run


def test_a_source_that_is_down_is_a_failed_run_that_says_so(machine: Machine) -> None:
    run = scrape(machine, "down", f"http://127.0.0.1:{find_free_port()}/", outcome="failed")
    assert "connect" in run["error"].lower()


def test_a_source_that_answers_500_is_a_failed_run_that_says_so(machine: Machine, site: Site) -> None:
    assert "500" in scrape(machine, "broken", site("/", 500), outcome="failed")["error"]


def test_a_source_that_is_not_html_is_a_failed_run_that_says_so(machine: Machine, site: Site) -> None:
    run = scrape(machine, "picture", site("/", b"\x89PNG\r\n\x1a\n\0\0"), outcome="failed")
    assert "octet-stream" in run["error"]


def test_a_source_without_a_match_is_an_empty_run_that_names_the_selector(
    machine: Machine, site: Site
) -> None:
    run = scrape(machine, "nothing", site("/", "<p>no list here</p>"), outcome="empty")
    assert "li" in run["error"] or "scope" in run["error"]


def test_a_source_that_fails_later_leaves_the_data_and_is_tried_again_on_time(
    machine: Machine, site: Site
) -> None:
    source = site("/", "<li><a>one</a></li><li><a>two</a></li>")
    run = scrape(machine, "kept", source, outcome="complete", ttl=1)
    wait_for(lambda: len(machine.items("kept")) == 2)
    site("/", 503)
    identity = run["configuration"]

    def runs() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = machine.get("datasource", "/v1/runs", configuration=identity).json()[
            "runs"
        ]
        return found

    wait_for(lambda: runs()[0]["outcome"] == "failed")
    assert [item["title"] for item in machine.items("kept")] == ["one", "two"]
    site("/", "<li><a>one</a></li><li><a>three</a></li>")
    wait_for(lambda: [item["title"] for item in machine.items("kept")] == ["one", "three"])
    machine.scrapr("rm", identity)
