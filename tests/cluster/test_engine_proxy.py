"""The proxy before a real engine: an orchestrator's fleet works through it, and nothing else does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from scrapr.fleet import document, engine_proxy, swarm
from scrapr.fleet.service import ServiceSpec
from scrapr.model.errors import Refused
from tests.cluster.engine import Cluster
from tests.cluster.image import TAG

STACK = "guarded"
SPEC = ServiceSpec("guarded_scraper-x", "scraper-x", "scraper", TAG, 0, {"SCRAPR_LOG_LEVEL": "debug"})


@dataclass
class Guarded:
    """A proxy: the fleet through it, and its bare HTTP."""

    fleet: swarm.Swarm
    url: str
    http: aiohttp.ClientSession

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        async with self.http.request(method, self.url + path, json=body) as answer:
            return answer.status, await answer.text()


@pytest.fixture
async def guarded(cluster: Cluster) -> AsyncIterator[Guarded]:
    """A proxy before the only engine, with the services of its stack removed at the end."""
    async with engine_proxy.serving(cluster.manager.url, stack=STACK, host="127.0.0.1", port=0) as port:
        url = f"http://127.0.0.1:{port}"
        async with swarm.connected(url, stack=STACK) as fleet, aiohttp.ClientSession() as http:
            yield Guarded(fleet, url, http)
            for service in await fleet.services():
                await fleet.remove(service)


async def test_a_fleet_keeps_its_services_through_the_proxy(guarded: Guarded) -> None:
    fleet = guarded.fleet
    await fleet.create(SPEC)
    [made] = await fleet.services()
    assert (made.name, made.digest, made.replicas) == (SPEC.name, SPEC.digest, 0)
    await fleet.scale(made, 1)
    await fleet.refuse(made, "x")
    [scaled] = await fleet.services()
    assert (scaled.replicas, scaled.refused) == (1, "x")
    changed = ServiceSpec(SPEC.name, SPEC.pool, "scraper", TAG, 0, cpu=0.1)
    await fleet.update(scaled, changed)
    [updated] = await fleet.services()
    assert updated.digest == changed.digest
    assert [node.name for node in await fleet.nodes()] == ["node1"]
    assert all(task.service == updated.id for task in await fleet.tasks())
    await fleet.remove(updated)
    await fleet.remove(updated)
    assert await fleet.services() == []


async def test_what_is_not_of_the_stack_is_neither_told_nor_touched(
    guarded: Guarded, cluster: Cluster
) -> None:
    """Nor can it be made so, nor may what is of the stack be anything else than a pool."""
    stranger = cluster.manager.docker(
        "service", "create", "-q", "--name", "bystander", "--replicas", "0", TAG
    )
    try:
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/update?version=1")):
            status, told = await guarded.ask(method, f"/v1.41/services/{stranger}{path}", {})
            assert (status, "none of the stack" in told) == (403, True)
        assert await guarded.fleet.services() == []
        assert stranger not in (await guarded.ask("GET", "/services"))[1]
        assert stranger not in (await guarded.ask("GET", "/tasks?filters={}"))[1]
    finally:
        cluster.manager.docker("service", "rm", "bystander")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/containers/json"),
        ("POST", "/containers/create"),
        ("GET", "/info"),
        ("GET", "/swarm"),
        ("GET", "/networks"),
        ("GET", "/secrets/x"),
        ("POST", "/secrets/create"),
        ("POST", "/swarm/leave?force=1"),
        ("GET", "/v1.41/services/../swarm"),
        ("GET", "/services/%2e%2e/swarm"),
        ("POST", "/session"),
    ],
)
async def test_other_requests_are_refused(guarded: Guarded, method: str, path: str) -> None:
    status, told = await guarded.ask(method, path, {} if method == "POST" else None)
    assert status == 403
    assert "engine proxy" in told


async def test_hostile_specs_are_refused(guarded: Guarded) -> None:
    good = document.describe(SPEC, stack=STACK, secrets={})
    bind = {"Type": "bind", "Source": "/", "Target": "/host"}
    container, task = good["TaskTemplate"]["ContainerSpec"], good["TaskTemplate"]
    hostile: Any
    for hostile in (
        {**good, "TaskTemplate": {**task, "ContainerSpec": {**container, "Mounts": [bind]}}},
        {**good, "TaskTemplate": {**task, "ContainerSpec": {**container, "mounts": [bind]}}},
        {**good, "TaskTemplate": {**task, "ContainerSpec": {**container, "CapabilityAdd": ["ALL"]}}},
        {**good, "TaskTemplate": {**task, "Networks": [{"Target": "host"}]}},
        {**good, "TaskTemplate": {**task, "Networks": [{"Target": "ingress"}]}},
        {**good, "EndpointSpec": {"Mode": "dnsrr", "Ports": [{"PublishedPort": 1, "TargetPort": 1}]}},
        {**good, "Labels": {}},
        [],
    ):
        status, _ = await guarded.ask("POST", "/services/create", hostile)
        assert status == 403
    assert await guarded.fleet.services() == []
    with pytest.raises(Refused, match="no secret"):
        await guarded.fleet.create(
            ServiceSpec(SPEC.name, SPEC.pool, "scraper", TAG, 0, secrets=("guarded_none",))
        )
