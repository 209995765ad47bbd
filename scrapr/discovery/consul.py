"""Instances as services of Consul, each with a check that its process confirms; peers by blocking queries."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

import structlog
from yarl import URL

from scrapr.discovery.agent import Agent
from scrapr.discovery.instance import Instance
from scrapr.discovery.settings import DiscoverySettings
from scrapr.model.errors import Unavailable
from scrapr.runtime.loops import Loop, persist

log = structlog.get_logger()
T = TypeVar("T")
FORGOTTEN_AFTER = 60
"""Seconds without a sign after which Consul strikes a service out; less than a minute it does not allow."""


class ConsulRegistry:
    """A `Registry` whose entries are the services `endpoint`, `scraper` …; their tags say what they serve.

    So `endpoint.service.consul` is every endpoint that is present, and `restaurants.endpoint.service.consul` those
    that serve that collection.
    """

    def __init__(self, settings: DiscoverySettings) -> None:
        self._settings = settings
        self._agents = [Agent(url, settings) for url in settings.consul_agents]
        self._registered: tuple[Agent, Instance] | None = None
        self._known: dict[str, tuple[Instance, ...]] = {}
        self._unheard: set[str] = set()
        """The roles whose blocking query failed last."""
        self._asked: asyncio.Queue[str] = asyncio.Queue()
        self.loops: tuple[Loop, ...] = (Loop("discovery-watch", self._watch),)

    async def announce(self, instance: Instance) -> None:
        """Say that `instance` is present, for `ttl` seconds, to the agent that answers."""
        if self._registered and self._registered[1] == instance:
            agent = self._registered[0]
            try:
                if await agent.confirm(f"service:{identify(instance)}"):
                    return
                log.info(
                    "registered again", agent=str(agent.url), reason="the agent has forgotten this process"
                )
            except Unavailable as error:
                log.warning("registered again", agent=str(agent.url), reason=error.detail)
        self._registered = None

        async def register(agent: Agent) -> None:
            await agent.register(describe(instance, self._settings))
            await agent.confirm(f"service:{identify(instance)}")
            self._registered = agent, instance

        await self._ask(register)

    async def withdraw(self, instance: Instance) -> None:
        """Say that `instance` is gone."""
        if self._registered:
            agent, self._registered = self._registered[0], None
            await agent.deregister(identify(instance))

    async def find(self, role: str) -> tuple[Instance, ...]:
        """The instances of `role` that are present; from the second time on as the last blocking query told.

        Raises `Unavailable` once such a query has failed, until one is answered.
        """
        if role not in self._known:

            async def look(agent: Agent) -> tuple[int, list[dict[str, Any]]]:
                return await agent.list_passing(name_service(role, self._settings))

            _, entries = await self._ask(look)
            if role not in self._known:
                self._known[role] = read(entries, role)
                self._asked.put_nowait(role)
        if role in self._unheard:
            raise Unavailable("Consul does not answer")
        return self._known[role]

    async def close(self) -> None:
        """Close the connections to all agents."""
        for agent in self._agents:
            await agent.close()

    async def _watch(self) -> None:
        """Keep fresh what is known of each role that was ever asked for."""
        async with asyncio.TaskGroup() as group:
            while True:
                role = await self._asked.get()
                group.create_task(persist(self._follower(role)))

    def _follower(self, role: str) -> Loop:
        async def follow() -> None:
            index: int | None = None
            while True:

                async def look(agent: Agent, seen: int | None = index) -> tuple[int, list[dict[str, Any]]]:
                    return await agent.list_passing(name_service(role, self._settings), seen)

                try:
                    found, entries = await self._ask(look)
                except Unavailable:
                    self._unheard.add(role)
                    raise
                self._unheard.discard(role)
                # None at all is more likely a Consul that lost its memory than a role that is gone.
                self._known[role] = read(entries, role) or self._known[role]
                # An index that goes back is one of a Consul that began anew (its documentation asks for this).
                index = found if index is None or found >= index else None

        return Loop(f"discovery-watch-{role}", follow)

    async def _ask(self, question: Callable[[Agent], Awaitable[T]]) -> T:
        """The answer of the first agent that has one; who did not answer is asked last from then on."""
        reasons = []
        for agent in tuple(self._agents):
            try:
                return await question(agent)
            except Unavailable as error:
                reasons.append(error.detail)
                self._agents.remove(agent)
                self._agents.append(agent)
        raise Unavailable("; ".join(reasons))


def name_service(role: str, settings: DiscoverySettings) -> str:
    """The service's name in Consul and its DNS: the role's, after the prefix where that is not the default."""
    return role if settings.prefix == "scrapr" else f"{settings.prefix}-{role}"


def identify(instance: Instance) -> str:
    """The service's identity: the same for the same container after a restart, so that it takes its own place."""
    return f"{instance.role}-{instance.container}"


def describe(instance: Instance, settings: DiscoverySettings) -> dict[str, Any]:
    """The service as Consul's agent takes it."""
    url = URL(instance.url)
    return {
        "name": name_service(instance.role, settings),
        "service_id": identify(instance),
        "address": url.host,
        "port": url.port,
        "tags": list(instance.serves),
        "meta": {"container": instance.container, "url": instance.url, "version": instance.version},
        "check": {
            "ttl": f"{settings.ttl}s",
            "DeregisterCriticalServiceAfter": f"{max(FORGOTTEN_AFTER, settings.ttl)}s",
        },
    }


def read(entries: Iterable[Mapping[str, Any]], role: str) -> tuple[Instance, ...]:
    """The instances in Consul's answer, by container; an entry that is not ours is passed over.

    A container that moved to another agent may be told twice for a moment: it is one instance.
    """
    found = {}
    for entry in entries:
        service = entry["Service"]
        meta = service.get("Meta") or {}
        if {"container", "url", "version"} <= meta.keys():
            known = {name: meta[name] for name in ("container", "url", "version")}
            found[known["container"]] = Instance(role=role, serves=tuple(service.get("Tags") or ()), **known)
    return tuple(found[container] for container in sorted(found))
