"""How `scrapr up` starts, heals, stops and comes back; each with real processes."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.processes import is_alive, name_of, words_of
from tests.system.conftest import Site
from tests.system.machine import ROLES, Machine, free_port_base, running, wait_for

PAGE = "<ul><li><a>one</a></li><li><a>two</a></li></ul>"


def configuration(collection: str, source: str, ttl: int = 300) -> dict[str, Any]:
    """A configuration for a list of links."""
    scraper = {"source": source, "scope": "li", "selector": [{"title": "a"}]}
    return {"type": "scraper", "collection": collection, "scraper": scraper, "ttl": ttl}


def add(machine: Machine, collection: str, source: str, ttl: int = 300) -> str:
    """Post a configuration and wait for its items; its id."""
    answer = machine.post("config", "/v1/configurations", configuration(collection, source, ttl))
    assert answer.status_code == 201, answer.text
    wait_for(lambda: len(machine.items(collection)) == 2)
    return str(answer.json()["id"])


def test_ps_shows_each_process_with_its_role(machine: Machine) -> None:
    shown = [" ".join(words_of(each)) for each in machine.processes()]
    for role in ROLES:
        assert any(line.startswith(f"scrapr: {role}") for line in shown), shown
    assert any("mongod" in line for line in shown)
    assert any("redis-server" in line for line in shown)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_killed_at_once_is_replaced_and_nothing_is_lost(
    machine: Machine, site: Site, role: str
) -> None:
    collection = f"survives-{role}"
    add(machine, collection, site("/", PAGE), ttl=1)
    victim = machine.role_process(role)
    victim.kill()
    wait_for(lambda: _replacement(machine, role, victim.pid))
    wait_for(lambda: _is_ready(machine, role))
    wait_for(lambda: len(machine.items(collection)) == 2)
    site("/", "<li><a>one</a></li><li><a>three</a></li>")
    wait_for(lambda: [item["title"] for item in machine.items(collection)] == ["one", "three"])


def _replacement(machine: Machine, role: str, old: int) -> bool:
    return any(
        each.pid != old and words_of(each)[:1] == [f"scrapr: {role}"]
        for each in machine.processes()
        if is_alive(each)
    )


def _is_ready(machine: Machine, role: str) -> bool:
    try:
        return machine.get(role, "/ready").status_code == 200
    except httpx.HTTPError:
        return False


def test_endpoints_answer_from_redis_when_mongodb_and_datasource_are_gone(tmp_path: Path, site: Site) -> None:
    with running(tmp_path / "data") as machine:
        add(machine, "kept", site("/", PAGE))
        [server] = [each for each in machine.processes() if "mongod" in name_of(each)]
        server.suspend()
        try:
            machine.role_process("datasource").suspend()
            endpoint = machine.role_process("endpoint")
            endpoint.kill()
            wait_for(lambda: _replacement(machine, "endpoint", endpoint.pid))
            wait_for(lambda: [item["title"] for item in machine.items("kept")] == ["one", "two"])
        finally:
            server.resume()
            machine.role_process("datasource").resume()


def test_a_term_signal_ends_everything_within_ten_seconds_and_the_next_start_goes_on(
    tmp_path: Path, site: Site
) -> None:
    with running(tmp_path / "data") as machine:
        identity = add(machine, "kept", site("/", PAGE))
        everything = machine.processes()
        asked = time.monotonic()
        assert machine.stop() == 0
        assert time.monotonic() - asked < 10
        assert not [each for each in everything if is_alive(each)]
    with running(tmp_path / "data") as again:
        wait_for(lambda: len(again.items("kept")) == 2)
        assert again.get("config", f"/v1/configurations/{identity}").status_code == 200


def test_a_closed_terminal_takes_nothing_down_but_in_order(tmp_path: Path) -> None:
    base = free_port_base()
    master, terminal = pty.openpty()
    with running(tmp_path / "data", port_base=base, terminal=terminal) as machine:
        os.close(terminal)
        everything = machine.processes()
        os.close(master)
        # The kernel's own comes to a session's leader alone; the shell passes it on, and may do so twice.
        machine.process.send_signal(signal.SIGHUP)
        assert machine.stop(signal.SIGHUP) == 0
        assert not [each for each in everything if is_alive(each)]


def test_what_is_logged_at_the_stop_needs_no_terminal(tmp_path: Path) -> None:
    master, terminal = pty.openpty()
    with running(tmp_path / "data", terminal=terminal) as machine:
        os.close(terminal)
        machine.role_process("datasource").suspend()
        os.close(master)
        assert machine.stop(signal.SIGHUP) == 3


def test_a_role_that_does_not_stop_is_killed_and_named_and_told_with_the_exit_code(tmp_path: Path) -> None:
    with running(tmp_path / "data") as machine:
        machine.role_process("datasource").suspend()
        assert machine.stop() == 3
    lines = (tmp_path / "data.log").read_text().splitlines()
    assert [line for line in lines if "deadline passed" in line and '"name":"datasource"' in line]
    assert (lines.count("stopping (Ctrl-C again kills)"), lines.count("stopped")) == (1, 1)
    zygote = (tmp_path / "data/log/zygote.log").read_text().splitlines()
    assert "replica killed" in {json.loads(line)["event"] for line in zygote}


def test_nothing_outlives_a_killed_up_and_the_next_start_recovers_by_itself(
    tmp_path: Path, site: Site
) -> None:
    with running(tmp_path / "data") as machine:
        add(machine, "kept", site("/", PAGE))
        everything = machine.processes()
        machine.process.kill()
        machine.process.wait()
        wait_for(lambda: not [each for each in everything if each.is_running()])
    with running(tmp_path / "data") as again:
        wait_for(lambda: len(again.items("kept")) == 2)


def test_a_second_machine_runs_beside_the_first(machine: Machine, tmp_path: Path, site: Site) -> None:
    with running(tmp_path / "data") as other:
        add(other, "only-there", site("/", PAGE))
        assert machine.get("endpoint", "/v1/collections/only-there/items").status_code == 404


def test_a_taken_port_is_named(machine: Machine, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scrapr", "up", "--data", str(tmp_path / "data"), "--port-base"]
    done = subprocess.run(
        [*command, str(machine.port_base + 1)],
        capture_output=True,
        text=True,
        timeout=30,
        env=machine.environment,
        check=False,
    )
    assert done.returncode != 0
    assert str(machine.port_base + 1) in done.stderr
    assert "--port-base" in done.stderr


def test_a_folder_in_use_is_refused(machine: Machine) -> None:
    base = free_port_base()
    command = [sys.executable, "-m", "scrapr", "up", "--data", str(machine.data), "--port-base", str(base)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=30, env=machine.environment, check=False
    )
    assert done.returncode != 0
    assert str(machine.process.pid) in done.stderr


def test_the_settings_say_the_folder_and_the_ports_where_no_option_does(
    machine: Machine, tmp_path: Path
) -> None:
    def refused(**settings: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "scrapr", "up"],
            capture_output=True,
            text=True,
            timeout=30,
            env=machine.environment | settings,
            cwd=tmp_path,
            check=False,
        )
        assert done.returncode == 2
        return done.stderr

    base, data = str(machine.port_base), str(tmp_path / "data")
    assert str(machine.process.pid) in refused(SCRAPR_EMBEDDED_DATA=str(machine.data))
    assert base in refused(SCRAPR_EMBEDDED_DATA=data, SCRAPR_FLEET_PORT_BASE=base)
    assert [each.name for each in tmp_path.iterdir()] == ["data"]


def test_a_wrong_setting_is_named_before_anything_starts(machine: Machine) -> None:
    command = [sys.executable, "-m", "scrapr", "run", "--role=config"]
    for name, value in (("SCRAPR_WEB_PORT", "many"), ("SCRAPR_WEB_PROT", "1"), ("SCRAPR_LOG_LEVEL", "loud")):
        environment = machine.environment | {name: value}
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=30, env=environment, check=False
        )
        assert done.returncode == 2
        assert name in done.stderr


def test_slots_of_one_give_each_configuration_a_process_of_its_own(tmp_path: Path, site: Site) -> None:
    with running(tmp_path / "data") as machine:
        for pool in ("scraper-default", "endpoint-default"):
            role = pool.partition("-")[0]
            url = machine.url("config") + f"/v1/pools/{pool}"
            assert httpx.put(url, json={"role": role, "slots": 1}, timeout=10).status_code == 200
        for number in range(3):
            add(machine, f"own-{number}", site(f"/{number}", PAGE))
        for role in ("scraper", "endpoint"):
            wait_for(lambda role=role: _count(machine, role) == 3)
        # Any endpoint answers for all: it passes on what another one serves.
        assert all(len(machine.items(f"own-{number}")) == 2 for number in range(3))


def _count(machine: Machine, role: str) -> int:
    return sum(words_of(each)[:1] == [f"scrapr: {role}"] for each in machine.processes())


def test_a_second_signal_kills_a_role_at_once(machine: Machine, tmp_path: Path) -> None:
    role = machine.role_process("orchestrator")
    # Stopped meanwhile, or it may have drained before the second one comes.
    for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
        os.kill(role.pid, number)
    wait_for(lambda: not is_alive(role))
    wait_for(lambda: _is_ready(machine, "orchestrator"))
