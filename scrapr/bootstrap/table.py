"""The role table: name, port, what it needs, how it is built. The architecture on one screen.

A role's modules are imported when it is built, so that a scraper never imports what only an orchestrator needs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from scrapr import settings as all_settings
from scrapr.bootstrap.ground import Ground
from scrapr.model.errors import Refused
from scrapr.web.role import Role


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
    connected = swarm.connected(
        fleet.engine, stack=fleet.stack, login=fleet.registry_login.get_secret_value()
    )
    return await role.build_for_cluster(
        config=ground.config,
        datasource=ground.datasource,
        fleet=await ground.stack.enter_async_context(connected),
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
        guard=ground.guard,
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
