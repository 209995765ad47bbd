"""All of a machine into a folder, and into another machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.system.conftest import Site
from tests.system.machine import Machine, running, wait_for

PAGE = "<ul><li><a href='/1'>one</a></li><li><a href='/2'>two</a></li></ul>"


def configurations(machine: Machine) -> list[dict[str, Any]]:
    """All configurations, without what claims change."""
    found: list[dict[str, Any]] = machine.get("config", "/v1/configurations").json()["configurations"]
    return [{name: value for name, value in each.items() if name != "container"} for each in found]


def records(machine: Machine) -> list[dict[str, Any]]:
    """All records, without when they were seen last: the new machine looks at once."""
    found: list[dict[str, Any]] = machine.get("datasource", "/v1/collections/moved").json()["records"]
    return [{name: value for name, value in each.items() if name != "last_seen"} for each in found]


def test_a_fresh_machine_takes_over_all_that_another_had(
    machine: Machine, site: Site, tmp_path: Path
) -> None:
    scraper = {"source": site("/", PAGE), "scope": "li", "selector": [{"title": "a", "link": "a@href"}]}
    draft = {"type": "scraper", "collection": "moved", "scraper": scraper, "ttl": 86_400}
    assert machine.scrapr("add", "-", stdin=json.dumps(draft)).returncode == 0
    wait_for(lambda: len(machine.items("moved")) == 2)
    taken = machine.scrapr("backup", str(tmp_path / "b"))
    assert taken.returncode == 0, taken.stderr
    assert "configurations" in taken.stdout
    with running(tmp_path / "other") as other:
        restored = other.scrapr("restore", str(tmp_path / "b"))
        assert restored.returncode == 0, restored.stderr
        assert configurations(other) == configurations(machine)
        wait_for(lambda: other.items("moved") == machine.items("moved"), 60)
        changes = "/v1/collections/moved/changes"
        assert other.get("datasource", changes).json() == machine.get("datasource", changes).json()
        assert records(other) == records(machine)
        again = other.scrapr("restore", str(tmp_path / "b"))
        assert again.returncode == 2
        assert "already" in again.stderr
