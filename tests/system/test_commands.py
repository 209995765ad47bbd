"""The commands, as a person types them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conftest import find_free_port
from tests.system.conftest import Site
from tests.system.machine import ROLES, Machine, wait_for

PAGE = "<ul><li><a href='/1'>one</a></li><li><a href='/2'>two</a></li></ul>"


def configuration(collection: str, source: str) -> dict[str, Any]:
    """A configuration for a list of links."""
    scraper = {"source": source, "scope": "li", "selector": [{"title": "a", "link": "a@href"}]}
    return {"type": "scraper", "collection": collection, "scraper": scraper, "ttl": 300}


def test_a_configuration_is_added_listed_shown_and_removed(
    machine: Machine, site: Site, tmp_path: Path
) -> None:
    file = tmp_path / "links.json"
    file.write_text(json.dumps(configuration("links", site("/", PAGE))))
    added = machine.scrapr("add", str(file))
    assert added.returncode == 0, added.stderr
    identity, url = added.stdout.split()
    assert url == machine.url("endpoint") + "/v1/collections/links/items"
    wait_for(lambda: len(machine.items("links")) == 2)

    wait_for(lambda: machine.get("datasource", f"/v1/states/{identity}").json().get("state") == "healthy")
    (row,) = [row for row in machine.scrapr("ls").stdout.splitlines() if identity in row]
    assert row.split("\t")[:4] == [identity, "scraper", "links", "healthy"]
    shown = machine.scrapr("items", "links", "--json")
    assert [json.loads(line)["title"] for line in shown.stdout.splitlines()] == ["one", "two"]
    assert "one" in machine.scrapr("items", "links", "--limit", "1").stdout
    assert "two" not in machine.scrapr("items", "links", "--limit", "1").stdout
    status = machine.scrapr("status")
    assert status.returncode == 0, status.stderr
    assert "links" in status.stdout
    assert "complete" in status.stdout

    assert machine.scrapr("rm", identity).returncode == 0
    assert identity not in machine.scrapr("ls").stdout
    assert len(machine.items("links")) == 2


def test_changes_are_watched_as_they_happen(machine: Machine) -> None:
    machine.post("config", "/v1/configurations", {"type": "endpoint", "collection": "watched"})
    wait_for(lambda: machine.get("endpoint", "/v1/collections/watched/items").status_code == 200, seconds=60)
    machine.post("datasource", "/v1/items", {"collection": "watched", "data": [{"title": "a"}]})
    command = [sys.executable, "-m", "scrapr", "watch", "watched", "--since", "0"]
    with subprocess.Popen(
        [*command, "--port-base", str(machine.port_base)],
        env=machine.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as watching:
        assert watching.stdout is not None
        first = json.loads(watching.stdout.readline())
        machine.post("datasource", "/v1/items", {"collection": "watched", "data": [{"title": "b"}]})
        second = json.loads(watching.stdout.readline())
        watching.send_signal(signal.SIGINT)
        _, told = watching.communicate(timeout=60)
    assert [(each["version"], each["key"]) for each in (first, second)] == [(1, "a"), (2, "b")]
    assert (watching.returncode, told) == (0, b"")
    unknown = machine.scrapr("watch", "unwatched")
    assert (unknown.returncode, "'unwatched'" in unknown.stderr) == (2, True)


def test_a_list_of_configurations_comes_from_standard_input(machine: Machine, site: Site) -> None:
    drafts = [configuration(f"piped-{number}", site("/", PAGE)) for number in range(2)]
    added = machine.scrapr("add", "-", stdin=json.dumps(drafts))
    assert added.returncode == 0, added.stderr
    assert len(added.stdout.splitlines()) == 2


def test_what_is_refused_is_one_line_that_names_the_field(machine: Machine) -> None:
    done = machine.scrapr("add", "-", stdin=json.dumps(configuration("links", "ftp://x/")))
    assert done.returncode == 2
    assert "scraper.source" in done.stderr
    assert "Traceback" not in done.stderr
    assert machine.scrapr("add", "/no/such/file").returncode == 2
    assert machine.scrapr("rm", "nobody").returncode == 2


def test_each_wrong_field_is_a_line_with_the_name_of_its_file(machine: Machine, tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(configuration("a/b", "ftp://x/")))
    done = machine.scrapr("add", str(file))
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"{file}: ") for line in lines)


def test_a_file_that_is_no_json_is_named_before_any_other_is_added(
    machine: Machine, site: Site, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(configuration("half-done", site("/", PAGE))))
    bad.write_text("{")
    done = machine.scrapr("add", str(good), str(bad))
    assert done.returncode == 2
    assert done.stderr.startswith(f"{bad}: ")
    assert "half-done" not in machine.scrapr("ls").stdout


def test_health_tells_of_each_role(machine: Machine) -> None:
    done = machine.scrapr("health")
    assert done.returncode == 0
    assert all(role in done.stdout for role in ROLES)
    assert machine.scrapr("health", "--role", "endpoint").returncode == 0


def test_commands_say_where_nobody_answers(machine: Machine) -> None:
    command = [sys.executable, "-m", "scrapr", "ls", "--port-base", str(find_free_port())]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=30, env=machine.environment, check=False
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "no config answers at http://127.0.0.1:" in line
    assert "--port-base" in line


def test_a_wrong_setting_is_named_once_with_what_is_allowed(machine: Machine) -> None:
    command = [sys.executable, "-m", "scrapr", "settings"]
    environment = machine.environment | {"SCRAPR_FETCH_ALLOW": "zz"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=environment, check=False)
    assert done.returncode == 2
    assert done.stderr.count("SCRAPR_FETCH_ALLOW") == 1
    assert "127.0.0.0/8" in done.stderr


def test_an_address_that_may_not_be_visited_is_told_with_the_setting_that_allows_it(machine: Machine) -> None:
    command = [sys.executable, "-m", "scrapr", "try", "http://127.0.0.1/", "--select", "a=b"]
    environment = {name: value for name, value in machine.environment.items() if name != "SCRAPR_FETCH_ALLOW"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=environment, check=False)
    assert done.returncode == 2
    assert "SCRAPR_FETCH_ALLOW" in done.stderr


def test_the_roles_and_the_settings_are_listed_with_secrets_hidden(machine: Machine) -> None:
    def run(*words: str) -> str:
        environment = machine.environment | {"SCRAPR_WEB_TOKEN": "very-secret"}
        command = [sys.executable, "-m", "scrapr", *words]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=30, env=environment, check=True
        ).stdout

    assert all(role in run("roles") for role in ROLES)
    shown = run("settings")
    assert "SCRAPR_WEB_TOKEN\t****" in shown
    assert "very-secret" not in shown


def test_selectors_are_tried_on_a_page_before_anything_is_stored(machine: Machine, site: Site) -> None:
    def tried(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "scrapr", "try", site("/", PAGE), *words]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=30, env=machine.environment, check=False
        )

    shown = tried("--scope", "li", "--select", "title=a", "--select", "link=a@href")
    assert shown.returncode == 0, shown.stderr
    assert "one" in shown.stdout
    exact = tried("--scope", "li", "--selector", '[{"title": "a"}]', "--json")
    assert json.loads(exact.stdout) == [{"title": "one"}, {"title": "two"}]
    assert "matched nothing" in tried("--scope", "li", "--select", "title=b").stderr
    assert tried("--select", "title=a[").returncode == 2
