"""What every role stands on: its settings, Redis, its peers, and where they are found."""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrapr.client.config import ConfigClient
from scrapr.client.datasource import DatasourceClient
from scrapr.client.transport import Transport, open_session
from scrapr.discovery.directory import Directory
from scrapr.discovery.instance import Registry
from scrapr.discovery.redis import RedisRegistry
from scrapr.model.claim import ClaimRequest
from scrapr.model.pool import PoolRole
from scrapr.settings import Settings
from scrapr.storage import redis as redis_storage
from scrapr.web.auth import Guard

if TYPE_CHECKING:
    import aiohttp

    from scrapr.storage.redis import Redis


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
    guard: Guard

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
        return Transport(self.session, self.directory.locate(role), self.settings.client, name=f"The {role}")


async def lay_ground(name: str, settings: Settings, stack: AsyncExitStack) -> Ground:
    """Connect to what the role `name` needs; `stack` closes it."""
    redis = await stack.enter_async_context(redis_storage.connect(settings.redis))
    session = await stack.enter_async_context(
        open_session(settings.client, settings.web.token.get_secret_value(), role=name)
    )
    return Ground(
        role=name,
        container=settings.claim.container or f"{socket.gethostname()}-{name}",
        settings=settings,
        stack=stack,
        redis=redis,
        session=session,
        guard=Guard(settings.web, settings.oauth),
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
