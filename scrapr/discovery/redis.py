"""Instances as Redis keys with a time to live."""

from __future__ import annotations

from redis.asyncio import Redis

from scrapr.discovery.instance import Instance
from scrapr.discovery.settings import DiscoverySettings
from scrapr.model.validation import NEWER
from scrapr.runtime.loops import Loop
from scrapr.storage.redis import translated


class RedisRegistry:
    """A `Registry` whose keys are `<prefix>:instance:<role>:<container>`."""

    def __init__(self, redis: Redis, settings: DiscoverySettings) -> None:
        self._redis = redis
        self._settings = settings
        self.loops: tuple[Loop, ...] = ()

    async def announce(self, instance: Instance) -> None:
        """Say that `instance` is present, for `ttl` seconds."""
        with translated():
            ttl = int(self._settings.ttl * 1000)
            await self._redis.set(self._key(instance), instance.model_dump_json(), px=ttl)

    async def withdraw(self, instance: Instance) -> None:
        """Say that `instance` is gone."""
        with translated():
            await self._redis.delete(self._key(instance))

    async def find(self, role: str) -> tuple[Instance, ...]:
        """The instances of `role` that are present, by container."""
        with translated():
            pattern = f"{self._settings.prefix}:instance:{role}:*"
            keys = [key async for key in self._redis.scan_iter(pattern, count=1000)]
            values = await self._redis.mget(sorted(keys)) if keys else []
        return tuple(Instance.model_validate_json(value, extra=NEWER) for value in values if value)

    def _key(self, instance: Instance) -> str:
        return f"{self._settings.prefix}:instance:{instance.role}:{instance.container}"
