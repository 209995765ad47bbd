"""Instances as Redis keys with a time to live, listed by role."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import cast

from redis.asyncio import Redis

from scrapr.discovery.instance import Instance
from scrapr.discovery.settings import DiscoverySettings
from scrapr.model.validation import NEWER
from scrapr.runtime.loops import Loop
from scrapr.storage.redis import translated

STRUCK_OUT_AFTER = 3600
"""Seconds without a sign after which a container is not listed any more; clocks may differ by less."""


class RedisRegistry:
    """A `Registry` whose keys are `<prefix>:instance:<role>:<container>`, and lists `<prefix>:instances:<role>`.

    Without the lists, to find a role were to look at each key that Redis has.
    """

    def __init__(self, redis: Redis, settings: DiscoverySettings) -> None:
        self._redis = redis
        self._settings = settings
        self.loops: tuple[Loop, ...] = ()

    async def announce(self, instance: Instance) -> None:
        """Say that `instance` is present, for `ttl` seconds."""
        with translated():
            ttl, present, listed = int(self._settings.ttl * 1000), time.time(), self._list(instance.role)
            async with self._redis.pipeline() as pipe:
                pipe.set(self._key(instance.role, instance.container), instance.model_dump_json(), px=ttl)
                pipe.zadd(listed, {instance.container: present})
                pipe.zremrangebyscore(listed, "-inf", present - STRUCK_OUT_AFTER)
                await pipe.execute()

    async def withdraw(self, instance: Instance) -> None:
        """Say that `instance` is gone."""
        with translated():
            await self._redis.delete(self._key(instance.role, instance.container))
            await self._redis.zrem(self._list(instance.role), instance.container)

    async def find(self, role: str) -> tuple[Instance, ...]:
        """The instances of `role` that are present, by container."""
        with translated():
            listed = cast("list[bytes]", await self._redis.zrange(self._list(role), 0, -1))
            present = await self._read([self._key(role, each.decode()) for each in sorted(listed)])
            return present or await self._read(await self._search(role))

    async def _read(self, keys: Sequence[str]) -> tuple[Instance, ...]:
        values = await self._redis.mget(keys) if keys else []
        return tuple(Instance.model_validate_json(value, extra=NEWER) for value in values if value)

    async def _search(self, role: str) -> list[str]:
        """The keys of those that are on no list: processes of a version that had none, during an upgrade."""
        return sorted([key.decode() async for key in self._redis.scan_iter(self._key(role, "*"), count=1000)])

    def _key(self, role: str, container: str) -> str:
        return f"{self._settings.prefix}:instance:{role}:{container}"

    def _list(self, role: str) -> str:
        return f"{self._settings.prefix}:instances:{role}"
