"""Discovery by a real Consul: who is where, and what is still known while it is away or has forgotten all."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from scrapr.discovery.checkup import examine_consul
from scrapr.discovery.consul import ConsulRegistry
from scrapr.discovery.directory import Directory
from scrapr.discovery.instance import Instance
from scrapr.discovery.settings import DiscoverySettings
from scrapr.model.errors import Unavailable
from scrapr.runtime.loops import persist
from tests import consul as real
from tests.consul import Consul
from tests.endings import end

POLICY = Path(__file__).parents[3] / "deploy/consul/policy.hcl"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consul]:
    """A Consul for all tests that leave it alone."""
    with real.running(tmp_path_factory.mktemp("consul")) as consul:
        yield consul


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Consul]:
    """A Consul that this test may kill."""
    with real.running(tmp_path / "consul") as consul:
        yield consul


def settings_for(*urls: str, **parts: Any) -> DiscoverySettings:
    """Discovery by the agents at `urls`; no answer is used again."""
    return DiscoverySettings(**{"kind": "consul", "ttl": 3, "cache": 0, "consul_url": ",".join(urls)} | parts)


def endpoint(container: str, port: int = 3002, **parts: Any) -> Instance:
    """An endpoint."""
    return Instance(
        role="endpoint", container=container, url=f"http://127.0.0.1:{port}", version="1", **parts
    )


@asynccontextmanager
async def living(settings: DiscoverySettings, *, announces: bool = True) -> AsyncIterator[Directory]:
    """The directory of a process that lives: its loops run; without `announces` it only looks."""
    registry = ConsulRegistry(settings)
    directory = Directory(registry, settings)
    async with asyncio.TaskGroup() as group:
        loops = directory.loops if announces else registry.loops
        tasks = [group.create_task(persist(loop)) for loop in loops]
        try:
            yield directory
        finally:
            for task in tasks:
                await end(task)
            await registry.close()


async def containers(directory: Directory, role: str = "endpoint") -> list[str]:
    """Who plays `role`, as `directory` knows."""
    return [each.container for each in await directory.instances(role)]


async def test_a_process_is_known_with_version_and_tags_while_it_lives_and_gone_when_it_leaves(
    shared: Consul, until: Any
) -> None:
    settings = settings_for(shared.url, prefix="life")
    async with living(settings) as mine, living(settings) as other:
        mine.enter(endpoint("one", serves=("restaurants",)))

        async def found() -> bool:
            return await containers(other) == ["one"]

        await until(found)
        [instance] = await other.instances("endpoint")
        assert instance == endpoint("one", serves=("restaurants",))
        mine.serve(["restaurants", "shops"])

        async def told() -> bool:
            return [each.serves for each in await other.instances("endpoint")] == [("restaurants", "shops")]

        await until(told)
        other.enter(endpoint("two", 3102))

        async def both() -> bool:
            return await containers(mine) == await containers(other) == ["one", "two"]

        await until(both)
        await other.leave()

        async def left() -> bool:
            return await containers(mine) == ["one"]

        await until(left)


async def test_its_check_passes_only_while_it_is_confirmed(shared: Consul, until: Any) -> None:
    settings = settings_for(shared.url, prefix="dying", ttl=1)
    async with living(settings) as mine:
        mine.enter(endpoint("one"))

        async def statuses() -> list[str]:
            return [each["Status"] for each in shared.get("health/checks/dying-endpoint")]

        async def passing() -> bool:
            return await statuses() == ["passing"]

        await until(passing)

    async def critical() -> bool:
        return await statuses() == ["critical"]

    await until(critical)


async def test_consuls_dns_gives_endpoints_by_name_and_by_collection(shared: Consul, until: Any) -> None:
    async with living(settings_for(shared.url)) as mine:
        mine.enter(endpoint("one", serves=("restaurants",)))

        async def answers() -> bool:
            return ask_dns(shared, "restaurants.endpoint.service.consul") == ["127.0.0.1"]

        await until(answers)
        assert ask_dns(shared, "endpoint.service.consul") == ["127.0.0.1"]
        assert ask_dns(shared, "shops.endpoint.service.consul") == []
        await mine.leave()


def ask_dns(consul: Consul, name: str) -> list[str]:
    """The addresses of `name`, asked of Consul's DNS."""
    command = ["dig", "+short", "@127.0.0.1", "-p", str(consul.ports["dns"]), name, "A"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.split()


async def test_peers_are_known_while_consul_is_away_and_found_again_when_it_is_back(
    own: Consul, until: Any
) -> None:
    settings = settings_for(own.url, fallback="endpoint=http://entry:3002")
    async with living(settings) as mine, living(settings, announces=False) as other:
        mine.enter(endpoint("one"))

        async def found() -> bool:
            return await containers(other) == ["one"]

        async def asks_the_fallback_as_well() -> bool:
            return await other.locate("endpoint")() == "http://entry:3002"

        await until(found)
        assert not await asks_the_fallback_as_well()
        own.kill()
        assert await containers(other) == ["one"]
        await until(asks_the_fallback_as_well)
        with pytest.raises(Unavailable, match="No config"):
            await other.locate("config")()
        own.forget()
        own.start()
        assert await containers(other) == ["one"]

        async def registered_again() -> bool:
            return [each["Service"]["ID"] for each in own.get("health/service/endpoint?passing=1")] == [
                "endpoint-one"
            ]

        await until(registered_again, seconds=40)
        mine.serve(["new"])

        async def news() -> bool:
            return [each.serves for each in await other.instances("endpoint")] == [("new",)]

        await until(news, seconds=40)


async def test_the_next_agent_is_asked_where_the_first_is_away(
    own: Consul, free_port: Any, until: Any
) -> None:
    settings = settings_for(f"http://127.0.0.1:{free_port()}", own.url)
    async with living(settings) as mine:
        mine.enter(endpoint("one"))

        async def found() -> bool:
            return await containers(mine) == ["one"]

        await until(found)


async def test_with_an_acl_only_the_token_of_our_policy_gets_in(tmp_path: Path, until: Any) -> None:
    acl = {"enabled": True, "default_policy": "deny", "tokens": {"master": "root", "agent": "root"}}
    with real.running(tmp_path / "consul", extra={"acl": acl}, headers={"X-Consul-Token": "root"}) as consul:
        at = ("-http-addr", consul.url, "-token", "root")

        async def made() -> bool:
            rules = ("-name", "scrapr", "-rules", f"@{POLICY}")
            return real.command("acl", "policy", "create", *at, *rules) is not None

        await until(made, seconds=30)  # the ACL system starts a moment after the leader
        secret = "5a7c3f0e-8f5e-4d0a-9b1c-0d6f1e2a3b4c"
        assert real.command("acl", "token", "create", *at, "-policy-name", "scrapr", "-secret", secret)
        async with living(settings_for(consul.url, consul_token=SecretStr(secret))) as mine:
            mine.enter(endpoint("one"))

            async def found() -> bool:
                return await containers(mine) == ["one"]

            await until(found)
        stranger = ConsulRegistry(settings_for(consul.url, consul_token=SecretStr("wrong")))
        with pytest.raises(Unavailable, match="ACL not found"):
            await stranger.announce(endpoint("two"))
        await stranger.close()


async def test_over_tls_both_sides_show_a_certificate(tmp_path: Path, free_port: Any, until: Any) -> None:
    for words in (("ca", "create"), ("cert", "create", "-server"), ("cert", "create", "-client")):
        assert real.command("tls", *words, folder=tmp_path)
    ca, server, client = "consul-agent-ca", "dc1-server-consul-0", "dc1-client-consul-0"
    extra = {
        "ca_file": str(tmp_path / f"{ca}.pem"),
        "cert_file": str(tmp_path / f"{server}.pem"),
        "key_file": str(tmp_path / f"{server}-key.pem"),
        "verify_incoming": True,
        "encrypt": real.command("keygen"),
    }
    names = ("http", "https", "dns", "serf_lan", "serf_wan", "server")
    with real.running(
        tmp_path / "consul", extra=extra, ports={name: free_port() for name in names}
    ) as consul:
        url = f"https://localhost:{consul.ports['https']}"
        shown = {"consul_cert": tmp_path / f"{client}.pem", "consul_key": tmp_path / f"{client}-key.pem"}
        trusting = settings_for(url, consul_ca=tmp_path / f"{ca}.pem", **shown)
        async with living(trusting) as mine:
            mine.enter(endpoint("one"))

            async def found() -> bool:
                return await containers(mine) == ["one"]

            await until(found)
        for settings in (
            settings_for(url, consul_ca=tmp_path / f"{ca}.pem"),
            settings_for(url, **shown),
        ):
            refused = ConsulRegistry(settings)
            with pytest.raises((Unavailable, ssl.SSLError)):
                await refused.find("endpoint")
            await refused.close()


def test_an_agent_that_is_no_url_is_refused() -> None:
    with pytest.raises(ValidationError, match='"consul:8500" is no agent'):
        settings_for("http://one:8500", "consul:8500")


async def test_the_doctor_sees_consuls_servers_and_the_roles_that_are_played(
    shared: Consul, free_port: Any, until: Any
) -> None:
    settings = settings_for(shared.url, f"http://127.0.0.1:{free_port()}", prefix="doctor")
    async with living(settings) as mine:
        mine.enter(endpoint("one"))

        async def present() -> bool:
            return await containers(mine) == ["one"]

        await until(present)
        found = await examine_consul(settings, ("endpoint", "config"))
        assert [(each.part, each.state) for each in found] == [
            ("Consul", "warning"),
            ("endpoint", "good"),
            ("config", "bad"),
        ]
    [alone] = await examine_consul(settings_for(f"http://127.0.0.1:{free_port()}"), ("endpoint",))
    assert alone.state == "bad"
