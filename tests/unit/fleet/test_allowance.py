"""What the proxy in front of an engine lets through."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from scrapr.fleet import allowance, document
from scrapr.fleet.service import ServiceSpec

SPEC = ServiceSpec(
    "scrapr_scraper-eu",
    "scraper-eu",
    "scraper",
    "scrapr:1",
    2,
    {"SCRAPR_WEB_HOST": "0.0.0.0"},
    cpu=0.5,
    memory=64,
    constraints=("node.labels.region==eu",),
    networks=("scrapr_roles",),
    secrets=("scrapr_token=web_token",),
)


def body() -> dict[str, Any]:
    return document.describe(SPEC, stack="scrapr", secrets={"scrapr_token": "id"})


def test_what_an_orchestrator_writes_is_allowed() -> None:
    assert list(allowance.faults(body(), stack="scrapr")) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("TaskTemplate.ContainerSpec.Mounts", [{"Type": "bind", "Source": "/", "Target": "/host"}]),
        ("TaskTemplate.ContainerSpec.mounts", [{"Type": "bind", "Source": "/", "Target": "/host"}]),
        ("TaskTemplate.ContainerSpec.Privileges", {"SELinuxContext": {"Disable": True}}),
        ("TaskTemplate.ContainerSpec.CapabilityAdd", ["CAP_SYS_ADMIN"]),
        ("TaskTemplate.ContainerSpec.Command", ["sh", "-c", "id"]),
        ("TaskTemplate.ContainerSpec.Args", ["run", "--role", "orchestrator"]),
        ("TaskTemplate.ContainerSpec.Secrets", [{"SecretName": "other_password", "SecretID": "x"}]),
        ("TaskTemplate.ContainerSpec.Configs", [{"ConfigName": "x"}]),
        ("TaskTemplate.ContainerSpec.DNSConfig", {"Nameservers": ["10.0.0.1"]}),
        ("TaskTemplate.Networks", [{"Target": "scrapr_roles", "Aliases": ["mongo-1"]}]),
        ("TaskTemplate.Networks", [{"Target": "scrapr_roles", "DriverOpts": {"x": "y"}}]),
        ("TaskTemplate.Runtime", "plugin"),
        ("TaskTemplate.PluginSpec", {"Remote": "x"}),
        ("TaskTemplate.NetworkAttachmentSpec", {"ContainerID": "x"}),
        ("TaskTemplate.Resources.Limits", {"Pids": 0}),
        ("Mode", {"Global": {}}),
        ("EndpointSpec", {"Ports": [{"TargetPort": 22, "PublishedPort": 22}]}),
        ("Labels", {"scrapr.stack": "other", "scrapr.pool": "x"}),
        ("Name", "victim"),
        ("Networks", [{"Target": "host"}]),
    ],
)
def test_whatever_else_is_refused(place: str, value: Any) -> None:
    spec = copy.deepcopy(body())
    *parts, last = place.split(".")
    inner = spec
    for part in parts:
        inner = inner[part]
    inner[last] = value
    assert list(allowance.faults(spec, stack="scrapr"))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1.41/services"),
        ("GET", "/tasks"),
        ("GET", "/v1.41/nodes/abc"),
        ("POST", "/v1.41/services/create"),
        ("POST", "/v1.41/services/abc/update"),
        ("DELETE", "/v1.41/services/abc"),
        ("GET", "/version"),
    ],
)
def test_requests_of_an_orchestrator_follow_a_rule(method: str, path: str) -> None:
    assert allowance.find_rule(method, path, ())


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1.41/containers/json"),
        ("POST", "/v1.41/containers/create"),
        ("POST", "/v1.41/containers/abc/exec"),
        ("GET", "/v1.41/swarm"),
        ("GET", "/v1.41/swarm/unlockkey"),
        ("POST", "/v1.41/secrets/create"),
        ("GET", "/v1.41/services/../containers/json"),
        ("GET", "/v1.41/services/%2e%2e/containers/json"),
        ("GET", "/v1.41/services/abc/logs"),
        ("POST", "/v1.41/build"),
        ("DELETE", "/v1.41/services/create/x"),
        ("PUT", "/v1.41/services/abc"),
        ("POST", "//services/create"),
    ],
)
def test_all_others_follow_none(method: str, path: str) -> None:
    assert allowance.find_rule(method, path, ()) is None


def test_an_update_takes_a_version_and_nothing_else() -> None:
    """`rollback` would bring back a spec that nobody looked at, `registryAuthFrom` another's password."""
    assert allowance.find_rule("POST", "/services/abc/update", {"version": "1"})
    assert (
        allowance.find_rule("POST", "/services/abc/update", {"version": "1", "rollback": "previous"}) is None
    )


@pytest.mark.parametrize(
    ("network", "allowed"),
    [
        ({"Name": "scrapr_roles", "Scope": "swarm"}, True),
        ({"Name": "host", "Scope": "local"}, False),
        ({"Name": "scrapr_x", "Scope": "local"}, False),
        ({"Name": "ingress", "Scope": "swarm", "Ingress": True}, False),
        ({}, False),
    ],
)
def test_replicas_are_in_the_stacks_own_networks(network: dict[str, Any], allowed: bool) -> None:
    assert allowance.allows_network(network, "scrapr") is allowed


def test_nodes_are_changed_only_where_a_provider_made_them() -> None:
    node = {"Description": {"Hostname": "scrapr-grown-1"}, "Spec": {"Role": "worker"}}
    assert list(allowance.node_faults(node, {"Role": "worker", "Availability": "drain"}, "scrapr")) == []
    assert list(allowance.node_faults(node, {"Role": "manager"}, "scrapr"))
    assert list(allowance.node_faults({**node, "Description": {"Hostname": "db1"}}, None, "scrapr"))
