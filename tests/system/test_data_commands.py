"""Commands on the data itself: quarantine, rebuild, drop."""

from __future__ import annotations

import json

import httpx

from tests.system.conftest import Site
from tests.system.machine import Machine, wait_for

PAGE = "<ul><li><a href='/1'>one</a></li><li><a href='/2'>two 2</a></li></ul>"


def test_broken_items_are_shown_and_replayed_and_a_collection_is_rebuilt_and_dropped(
    machine: Machine, site: Site
) -> None:
    scraper = {"source": site("/", PAGE), "scope": "li", "selector": [{"title": "a", "link": "a@href"}]}
    draft = {"type": "scraper", "collection": "ruled", "scraper": scraper, "ttl": 86_400}
    draft["fields"] = {"title": {"type": "text", "pattern": "[a-z]+"}}
    added = machine.post("config", "/v1/configurations", draft).json()
    wait_for(lambda: len(machine.items("ruled")) == 1, 60)
    shown = machine.scrapr("quarantine", "ruled", "--json")
    (broken,) = json.loads(shown.stdout)
    assert (broken["item"]["title"], broken["reasons"][0]["field"]) == ("two 2", "title")

    draft["fields"] = {"title": {"type": "text"}}
    path = f"{machine.url('config')}/v1/configurations/{added['id']}"
    assert httpx.put(path, json=draft, timeout=30).status_code == 200
    replayed = machine.scrapr("quarantine", "ruled", "--replay", "--json")
    assert replayed.returncode == 0, replayed.stderr
    assert json.loads(replayed.stdout) in ([], [broken])
    assert replayed.stderr == "1 items replayed\n"
    wait_for(lambda: len(machine.items("ruled")) == 2, 60)

    rebuilt = machine.scrapr("rebuild", "ruled")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert rebuilt.stdout.splitlines()[1].split("\t")[1:] == ["0", "0", "0"]

    refused = machine.scrapr("drop", "ruled")
    assert refused.returncode == 2
    assert added["id"] in refused.stderr
    assert machine.scrapr("rm", added["id"]).returncode == 0
    assert machine.scrapr("drop", "ruled").returncode == 0
    assert machine.get("datasource", "/v1/collections/ruled").status_code == 404
    wait_for(lambda: machine.get("endpoint", "/v1/collections/ruled/items").status_code == 404, 60)
