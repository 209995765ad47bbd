"""The role table: name, port, what it needs, how it is built. The architecture on one screen.

A role's modules are imported when it is built, so that a scraper never imports what only an orchestrator needs.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import setproctitle
import structlog
import uvloop
from yarl import URL

import scrapr
from scrapr import settings as all_settings
from scrapr.client.config import ConfigClient
from scrapr.client.datasource import DatasourceClient
from scrapr.client.transport import Transport, open_session
from scrapr.discovery.directory import Directory
from scrapr.discovery.instance import Instance, Registry
from scrapr.discovery.redis import RedisRegistry
from scrapr.model.claim import ClaimRequest
from scrapr.model.errors import Invalid, Refused, ScraprError
from scrapr.model.pool import PoolRole
from scrapr.runtime import log as logs
from scrapr.runtime.lifecycle import Exit, Lifecycle, start_unless_stopped
from scrapr.runtime.signals import stop_on_signals
from scrapr.settings import Settings
from scrapr.storage import redis as redis_storage
from scrapr.web.role import Role
from scrapr.web.server import serving

if TYPE_CHECKING:
    import aiohttp

    from scrapr.embedded.machine import Machine
    from scrapr.storage.redis import Redis

log = structlog.get_logger()
SHARED = ("scrapr.extraction.extract", "scrapr.fetching.client", "scrapr.storage.mongo", "sqlite3")
"""What a zygote imports beside this module: a role's own modules are small, and come with the role."""
LOCAL_DRAIN = {
    "SCRAPR_DRAIN_GRACE": "1.4",
    "SCRAPR_DRAIN_CANCEL": "0.5",
    "SCRAPR_DRAIN_CLOSE": "0.5",
    "SCRAPR_SCRAPER_FINISH": "0.8",
    "SCRAPR_SCRAPER_HAND_OVER": "0.4",
}
"""On one machine everything stops together, one role after the other, within ten seconds."""


@dataclass(frozen=True)
class Ground:
    """What every role stands on. `stack` closes in reverse what a role opens on it."""

    role: str
    container: str
    settings: Settings
    stack: AsyncExitStack
    redis: Redis
    session: aiohttp.ClientSession
    directory: Directory

    @property
    def token(self) -> str:
        """What this process shows to its peers."""
        return self.settings.web.token.get_secret_value()

    @property
    def config(self) -> ConfigClient:
        """The config role, wherever it is."""
        return ConfigClient(self._to("config"))

    @property
    def datasource(self) -> DatasourceClient:
        """The datasource, wherever it is."""
        return DatasourceClient(self._to("datasource"))

    def claim(self, role: PoolRole) -> ClaimRequest:
        """What this replica asks for as one of its pool."""
        wish = self.settings.claim
        return ClaimRequest(
            container=self.container, type=role, pool=wish.place, slots=wish.slots, node=wish.node
        )

    def _to(self, role: str) -> Transport:
        return Transport(self.session, self.directory.locate(role), self.settings.client)


async def _config(ground: Ground) -> Role:
    from scrapr.roles.config import role
    from scrapr.storage import mongo

    database = await ground.stack.enter_async_context(mongo.connect(ground.settings.mongo, "scrapr_config"))
    return await role.build(database=database, settings=ground.settings.config, token=ground.token)


async def _datasource(ground: Ground) -> Role:
    from scrapr.roles.datasource import role
    from scrapr.storage import mongo

    database = await ground.stack.enter_async_context(mongo.connect(ground.settings.mongo, "scrapr_data"))
    return await role.build(
        database=database,
        settings=ground.settings.datasource,
        token=ground.token,
        replica=ground.container,
        config=ground.config,
        webhooks=ground.settings.webhook,
    )


async def _orchestrator(ground: Ground) -> Role:
    from scrapr.fleet.processes import Processes
    from scrapr.roles.orchestrator import role

    if ground.settings.fleet.kind == "swarm":
        return await _orchestrator_of_cluster(ground)
    if ground.settings.fleet.socket is None:
        raise Refused(
            "SCRAPR_FLEET_SOCKET names no zygote; start one with `scrapr zygote`, or all with `scrapr up`"
        )
    fleet = Processes(ground.settings.fleet.socket)
    return await role.build(
        config=ground.config,
        datasource=ground.datasource,
        fleet=fleet,
        settings=ground.settings.orchestrator,
        fleet_settings=ground.settings.fleet,
        environment=all_settings.inherited(),
        token=ground.token,
    )


async def _orchestrator_of_cluster(ground: Ground) -> Role:
    from scrapr.fleet import providers, swarm
    from scrapr.roles.orchestrator import role

    fleet = ground.settings.fleet

    return await role.build_for_cluster(
        config=ground.config,
        datasource=ground.datasource,
        fleet=await ground.stack.enter_async_context(swarm.connected(fleet.engine, stack=fleet.stack)),
        settings=ground.settings.orchestrator,
        fleet_settings=fleet,
        environment=all_settings.inherited(),
        container=ground.container,
        provider=providers.find_provider(ground.settings.nodes, stack=fleet.stack),
        nodes_settings=ground.settings.nodes,
        token=ground.token,
    )


async def _scraper(ground: Ground) -> Role:
    from scrapr.fetching.client import Client
    from scrapr.roles.scraper import hosts, role

    shared = hosts.share(ground.redis, ground.settings.scraper, ground.container)
    return await role.build(
        redis=ground.redis,
        config=ground.config,
        datasource=ground.datasource,
        fetcher=await ground.stack.enter_async_context(Client(ground.settings.fetch, shared)),
        claim=ground.claim("scraper"),
        settings=ground.settings.scraper,
        directory=ground.directory,
        token=ground.token,
        hosts=shared,
    )


async def _endpoint(ground: Ground) -> Role:
    from scrapr.roles.endpoint import role

    return await role.build(
        redis=ground.redis,
        config=ground.config,
        datasource=ground.datasource,
        session=ground.session,
        claim=ground.claim("endpoint"),
        settings=ground.settings.endpoint,
        directory=ground.directory,
        token=ground.token,
    )


@dataclass(frozen=True)
class Entry:
    """One line of the table. `port` is the role's default, and its place after `--port-base`."""

    port: int
    needs: tuple[str, ...]
    gives: str
    build: Callable[[Ground], Awaitable[Role]]


ROLES: Mapping[str, Entry] = {
    "scraper": Entry(3000, ("redis", "config", "datasource"), "batches of items, and runs", _scraper),
    "datasource": Entry(
        3001, ("mongo", "redis", "config"), "records, changes, collections, states", _datasource
    ),
    "endpoint": Entry(3002, ("redis", "config", "datasource"), "the public API", _endpoint),
    "config": Entry(3003, ("mongo", "redis"), "configurations, claims, pools", _config),
    "orchestrator": Entry(
        3004,
        ("redis", "config", "datasource", "fleet"),
        "pools with enough replicas, the dashboard",
        _orchestrator,
    ),
}


def run_role(name: str, overrides: Mapping[str, str]) -> int:
    """Be the role `name` until asked to stop; the exit code says how that went (`scrapr.runtime.lifecycle.Exit`)."""
    setproctitle.setproctitle(f"scrapr: {name}")
    try:
        settings = all_settings.load(overrides)
    except Invalid as error:
        for field in error.fields:
            print(f"scrapr: {field}", file=sys.stderr)  # noqa: T201 - logging is not set up without settings
        return Exit.SETTINGS
    logs.configure(settings.log, role=name)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(_live(name, settings))
        if code is Exit.DEADLINE:
            # Closing the runner would wait for the work that has just not ended within its deadline.
            os._exit(code)
    return code


async def _live(name: str, settings: Settings) -> Exit:
    stop = asyncio.Event()
    stop_on_signals(stop)
    lifecycle = Lifecycle(settings.drain)
    try:
        async with AsyncExitStack() as stack:
            ground = await _lay_ground(name, settings, stack)
            role = await start_unless_stopped(lambda: ROLES[name].build(ground), stop)
            if role is None:
                return Exit.ASKED
            return await _serve(role, ground, lifecycle, stop)
    except ScraprError as error:
        log.error("not started", reason=error.detail)
        return Exit.SETTINGS if isinstance(error, Refused) else Exit.FAILED


async def _lay_ground(name: str, settings: Settings, stack: AsyncExitStack) -> Ground:
    redis = await stack.enter_async_context(redis_storage.connect(settings.redis))
    session = await stack.enter_async_context(
        open_session(settings.client, settings.web.token.get_secret_value())
    )
    return Ground(
        role=name,
        container=settings.claim.container or f"{socket.gethostname()}-{name}",
        settings=settings,
        stack=stack,
        redis=redis,
        session=session,
        directory=Directory(await _open_registry(settings, redis, stack), settings.discovery),
    )


async def _open_registry(settings: Settings, redis: Redis, stack: AsyncExitStack) -> Registry:
    """Where instances are written down; py-consul is imported only where it is used."""
    if settings.discovery.kind == "redis":
        return RedisRegistry(redis, settings.discovery)
    from scrapr.discovery.consul import ConsulRegistry

    registry = ConsulRegistry(settings.discovery)
    stack.push_async_callback(registry.close)
    return registry


async def _serve(role: Role, ground: Ground, lifecycle: Lifecycle, stop: asyncio.Event) -> Exit:
    settings, directory = ground.settings, ground.directory
    port = ROLES[role.name].port if settings.web.port is None else settings.web.port

    async def release() -> None:
        await directory.leave()
        await role.release()

    peer = URL(settings.redis.url.get_secret_value()).host or socket.gethostname()
    async with serving(
        role, settings.web, lifecycle, port=port, close=settings.drain.close, peer=peer
    ) as url:
        directory.enter(
            Instance(role=role.name, container=ground.container, url=url, version=scrapr.__version__)
        )
        loops = (*directory.loops, *role.loops)
        return await lifecycle.live(loops, stop=stop, release=release)


def run_zygote(socket_path: Path) -> None:
    """Import what roles have in common, and fork a role for each request until told to end."""
    from scrapr.fleet import zygote

    for shared in SHARED:
        import_module(shared)
    setproctitle.setproctitle("scrapr: zygote")
    logs.configure(all_settings.load().log, role="zygote")
    zygote.serve(socket_path, run_role)


def open_machine(settings: Settings, *, data: Path, port_base: int) -> Machine:
    """Everything on this machine, to be entered and run: MongoDB and Redis where none are given, and all roles."""
    from scrapr.embedded.machine import Machine

    return Machine(
        settings.embedded.model_copy(update={"data": data}),
        port_base=port_base,
        host=settings.web.host,
        zygote_command=[sys.executable, "-m", "scrapr", "zygote"],
        mongo_url=settings.mongo.url.get_secret_value() or None,
        redis_url=settings.redis.url.get_secret_value() or None,
        environment=LOCAL_DRAIN,
    )
