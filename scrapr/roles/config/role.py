"""Config, wired."""

from __future__ import annotations

from functools import partial

from scrapr.roles.config import claiming, pools
from scrapr.roles.config.claims import ClaimStore, LeaseStore
from scrapr.roles.config.http import ClaimRoutes, ConfigurationRoutes, LeaseRoutes, PoolRoutes
from scrapr.roles.config.service import Feed, Sweeper
from scrapr.roles.config.settings import ConfigSettings
from scrapr.roles.config.store import ConfigurationStore, PoolStore
from scrapr.storage import mongo
from scrapr.storage.archive import Archive
from scrapr.storage.mongo import Database
from scrapr.web import backup
from scrapr.web.role import Role


async def build(*, database: Database, settings: ConfigSettings, token: str) -> Role:
    """Config upon `database`, whose indexes it makes; with a `token`, its feed asks for it. Raises `Unavailable`."""
    configurations = ConfigurationStore(database)
    claims = ClaimStore(database, settings.lease)
    pool_store = PoolStore(database, pools.default_pools(settings))
    await configurations.prepare()
    feed = Feed(database, configurations, token=token)
    sweeper = Sweeper(configurations, claims, settings.sweep)
    return Role(
        name="config",
        home="/configurations",
        routes=(
            *ConfigurationRoutes(configurations, pool_store, draft_limit=settings.draft_limit).routes,
            *ClaimRoutes(claims, pool_store).routes,
            *PoolRoutes(pool_store, configurations).routes,
            # Claims are taken as soon as there are configurations.
            *backup.routes(Archive(database, {"pools": (), "configurations": claiming.FIELDS})),
            *LeaseRoutes(LeaseStore(database, settings.leader_lease)).routes,
        ),
        loops=(*feed.loops, *sweeper.loops),
        checks={"mongo": partial(mongo.ping, database)},
        push=feed.push,
    )
