"""How Consul is, and which roles it knows."""

from __future__ import annotations

from collections.abc import Iterable

from scrapr.discovery.agent import Agent
from scrapr.discovery.consul import ConsulRegistry
from scrapr.discovery.settings import DiscoverySettings
from scrapr.model.errors import ScraprError
from scrapr.model.finding import Finding, bad, good, judge_members


async def examine_consul(settings: DiscoverySettings, roles: Iterable[str]) -> list[Finding]:
    """Consul's servers, and how many processes of each role are present."""
    states: dict[str, str] = {}
    leader = None
    for url in settings.consul_agents:
        agent = Agent(url, settings)
        try:
            leader = await agent.find_leader() or leader
            states[str(url)] = ""
        except ScraprError as error:
            states[str(url)] = error.detail.removeprefix(f"Consul at {url}: ")
        finally:
            await agent.close()
    found = [judge_members("Consul", states, leader=leader)]
    return found if leader is None else [*found, *await _examine_roles(settings, roles)]


async def _examine_roles(settings: DiscoverySettings, roles: Iterable[str]) -> list[Finding]:
    registry = ConsulRegistry(settings)
    try:
        present = {role: await registry.find(role) for role in roles}
    except ScraprError as error:
        advice = "look at the ACL token: deploy/consul/policy.hcl says what it must allow"
        return [bad("Consul's services", error.detail, advice)]
    finally:
        await registry.close()
    return [judge_role(role, {each.version for each in found}, len(found)) for role, found in present.items()]


def judge_role(role: str, versions: set[str], count: int) -> Finding:
    """A role by how many of its processes are present."""
    if not count:
        return bad(
            role,
            "nobody plays it",
            f"docker service ls -f name=scrapr_{role}; docker service ps, and logs, of what that lists",
        )
    return good(role, f"{count} present, version {' and '.join(sorted(versions))}")
