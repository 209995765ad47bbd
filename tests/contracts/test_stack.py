"""deploy/stack.yml and what stands beside it agree with the code."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it comes with another package, without its types

from scrapr import settings
from scrapr.bootstrap.table import ROLES
from scrapr.runtime.settings import DrainSettings

DEPLOY = Path(__file__).parents[2] / "deploy"
STACK = yaml.safe_load((DEPLOY / "stack.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = STACK["services"]
OF_THE_SYSTEM = {"RES_OPTIONS"}
"""Variables that the C library reads."""
PLAYING = {name: each for name, each in SERVICES.items() if str(each["command"][0]) == "run"}


def seconds(text: str) -> float:
    """A duration as Compose writes it, in seconds."""
    number, unit = re.fullmatch(r"(\d+)(s|m)", text).groups()  # type: ignore[union-attr] # else it fails
    return float(number) * {"s": 1, "m": 60}[unit]


@pytest.mark.parametrize("name", sorted(PLAYING))
def test_a_role_has_more_time_to_stop_than_its_drain_takes(name: str) -> None:
    given = {
        variable.removeprefix("SCRAPR_DRAIN_").lower(): value
        for variable, value in PLAYING[name]["environment"].items()
        if variable.startswith("SCRAPR_DRAIN_")
    }
    assert DrainSettings(**given).total < seconds(PLAYING[name]["stop_grace_period"])


def test_every_service_of_a_role_plays_a_role_that_exists() -> None:
    assert {f"--role={name}" for name in PLAYING} == {each["command"][1] for each in PLAYING.values()}
    assert set(PLAYING) <= set(ROLES)


@pytest.mark.parametrize("name", sorted(PLAYING))
def test_a_role_is_told_by_variables_and_secrets_that_are_settings(name: str) -> None:
    assert set(PLAYING[name]["environment"]) <= settings.names() | OF_THE_SYSTEM
    assert {f"SCRAPR_{secret.upper()}" for secret in PLAYING[name]["secrets"]} <= settings.names()


@pytest.mark.parametrize("name", sorted(PLAYING))
def test_a_role_may_write_nowhere_but_in_memory_and_rolls_back_by_itself(name: str) -> None:
    service = PLAYING[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert {volume["type"] for volume in service["volumes"]} == {"tmpfs"}
    update = service["deploy"]["update_config"]
    assert (update["order"], update["failure_action"]) == ("start-first", "rollback")
    assert service["deploy"]["replicas"] >= 2


def test_pools_are_given_what_the_stack_gives_its_roles() -> None:
    """The image, the secrets by their present names, and time to stop."""
    given = SERVICES["orchestrator"]["environment"]
    assert given["SCRAPR_FLEET_IMAGE"] == SERVICES["config"]["image"]
    secrets = {name: STACK["secrets"][name]["name"] for name in ("redis_url", "web_token")}
    assert given["SCRAPR_FLEET_SECRETS"] == ",".join(f"{each}={name}" for name, each in secrets.items())
    assert float(given["SCRAPR_FLEET_GRACE"]) == seconds(SERVICES["config"]["stop_grace_period"])
    assert given["SCRAPR_FLEET_NETWORKS"] == f"{given['SCRAPR_FLEET_STACK']}_scrapr"


def test_the_engines_socket_is_the_proxys_alone_and_the_proxy_is_reached_by_orchestrators_alone() -> None:
    having = {name for name, each in SERVICES.items() if "docker.sock" in str(each.get("volumes"))}
    assert having == {"engine-proxy"}
    assert {name for name, each in SERVICES.items() if "engine" in each["networks"]} == {
        "engine-proxy",
        "orchestrator",
    }
    proxy = SERVICES["engine-proxy"]
    assert proxy["networks"] == ["engine"]
    assert proxy["deploy"]["placement"]["constraints"] == ["node.role == manager"]
    assert (proxy["read_only"], proxy["cap_drop"]) == (True, ["ALL"])


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_does_without_ipvs_and_has_limits(name: str) -> None:
    service = SERVICES[name]
    assert service["deploy"]["endpoint_mode"] == "dnsrr"
    assert all(port["mode"] == "host" for port in service.get("ports", ()))
    assert {"cpus", "memory"} <= set(service["deploy"]["resources"]["limits"])
    assert "healthcheck" in service or name in PLAYING, "a role's is the image's"


def test_all_secrets_are_made_by_the_script_and_all_files_are_there() -> None:
    script = (DEPLOY / "secrets.sh").read_text()
    for secret in STACK["secrets"].values():
        assert Path(secret["file"]).name in script
    for config in STACK["configs"].values():
        assert (DEPLOY / config["file"]).exists()


def test_consul_finds_its_address_in_the_stacks_own_network() -> None:
    consul = json.loads((DEPLOY / "consul/consul.json").read_text())
    [network] = STACK["networks"]["scrapr"]["ipam"]["config"]
    assert network["subnet"] in consul["bind_addr"]
    assert consul["retry_join"] == [name for name in SERVICES if name.startswith("consul-")]


def test_the_entry_asks_each_role_at_its_own_port() -> None:
    asked = re.findall(r"proxy_pass http://\$(\w+):(\d+);", (DEPLOY / "nginx/nginx.conf").read_text())
    assert {(role, int(port)) for role, port in asked} == {
        (role, ROLES[role].port) for role in ("endpoint", "config", "datasource", "orchestrator")
    }


def test_the_images_health_check_knows_the_roles_ports() -> None:
    [ports] = re.findall(r"SCRAPR_WEB_PORT:-([\d ]+)}", (DEPLOY / "image/health").read_text())
    assert sorted(map(int, ports.split())) == sorted(entry.port for entry in ROLES.values())
