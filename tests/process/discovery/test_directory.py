"""Who is where, and what is still known of it when the registry is away."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from redis.asyncio import Redis

from scrapr.discovery.directory import Directory
from scrapr.discovery.instance import Instance
from scrapr.discovery.redis import RedisRegistry
from scrapr.discovery.settings import DiscoverySettings
from scrapr.model.errors import Unavailable
from scrapr.storage import redis as redis_storage
from scrapr.storage.settings import RedisSettings
from tests.endings import end

SETTINGS = DiscoverySettings(ttl=5, cache=0)


def instance(container: str, **parts: Any) -> Instance:
    """An endpoint."""
    return Instance(role="endpoint", container=container, url=f"http://{container}", version="1", **parts)


async def test_a_process_is_known_while_it_announces_itself_and_gone_when_it_leaves(
    redis: Redis, until: Any
) -> None:
    registry = RedisRegistry(redis, SETTINGS)
    mine, other = Directory(registry, SETTINGS), Directory(registry, SETTINGS)

    async def found() -> tuple[str, ...]:
        return tuple(each.container for each in await RedisRegistry(redis, SETTINGS).find("endpoint"))

    async with asyncio.TaskGroup() as group:
        task = group.create_task(mine.announce())
        mine.enter(instance("one"))
        await until(found)
        assert [each.url for each in await other.instances("endpoint")] == ["http://one"]
        assert await other.locate("endpoint")() == "http://one"

        mine.serve(["restaurants"])

        async def serves() -> bool:
            return [each.serves for each in await other.instances("endpoint")] == [("restaurants",)]

        await until(serves)
        await end(task)
    await mine.leave()
    assert await found() == ()


async def test_a_process_that_dies_is_forgotten_after_its_time(redis: Redis) -> None:
    await RedisRegistry(redis, SETTINGS).announce(instance("one"))
    [key] = await redis.keys("scrapr:instance:*")
    assert 0 < await redis.pttl(key) <= 5000


@pytest.mark.usefixtures("dropped_sockets")
async def test_peers_are_still_known_when_the_registry_is_away_or_has_forgotten_them(
    redis: Redis, free_port: Any
) -> None:
    registry = RedisRegistry(redis, SETTINGS)
    await registry.announce(instance("one"))
    directory = Directory(registry, SETTINGS)
    assert len(await directory.instances("endpoint")) == 1
    await redis.flushall()
    assert len(await directory.instances("endpoint")) == 1

    away = RedisSettings(url=SecretStr(f"redis://127.0.0.1:{free_port()}"), timeout=0.2)
    async with redis_storage.connect(away) as nobody:
        directory._registry = RedisRegistry(nobody, SETTINGS)
        assert len(await directory.instances("endpoint")) == 1


async def test_a_role_that_nobody_plays_is_unavailable(redis: Redis) -> None:
    directory = Directory(RedisRegistry(redis, SETTINGS), SETTINGS)
    with pytest.raises(Unavailable, match="No config"):
        await directory.locate("config")()


async def test_to_find_a_role_no_other_key_is_looked_at(redis: Redis) -> None:
    registry = RedisRegistry(redis, SETTINGS)
    await registry.announce(instance("one"))
    await redis.mset({f"other:{number}": "" for number in range(1000)})
    await redis.config_resetstat()
    assert [each.container for each in await registry.find("endpoint")] == ["one"]
    told = await redis.info("commandstats")
    assert not {"cmdstat_scan", "cmdstat_keys"} & told.keys()
    await registry.withdraw(instance("one"))
    assert await registry.find("endpoint") == ()
    assert not await redis.keys("scrapr:instance*")


async def test_while_the_registry_tells_nothing_the_fallback_is_asked(redis: Redis, free_port: Any) -> None:
    settings = DiscoverySettings(cache=0, fallback="config=http://config:3003, endpoint=http://entry:3002")
    directory = Directory(RedisRegistry(redis, settings), settings)
    assert await directory.locate("config")() == "http://config:3003"
    with pytest.raises(Unavailable, match="No datasource"):
        await directory.locate("datasource")()

    await directory._registry.announce(instance("one"))
    locate = directory.locate("endpoint")
    assert {await locate() for _ in range(30)} == {"http://one"}
    away = RedisSettings(url=SecretStr(f"redis://127.0.0.1:{free_port()}"), timeout=0.2)
    async with redis_storage.connect(away) as nobody:
        directory._registry = RedisRegistry(nobody, settings)
        assert {await locate() for _ in range(30)} == {"http://one", "http://entry:3002"}


@pytest.mark.parametrize("fallback", ["config", "config=", "=http://config:3003", "config=ftp://config"])
def test_a_fallback_that_says_nothing_is_refused(fallback: str) -> None:
    with pytest.raises(ValidationError, match="says of no role where it is"):
        DiscoverySettings(fallback=fallback)


async def test_installations_with_other_prefixes_do_not_see_each_other(redis: Redis) -> None:
    await RedisRegistry(redis, SETTINGS).announce(instance("one"))
    other = RedisRegistry(redis, SETTINGS.model_copy(update={"prefix": "other"}))
    assert await other.find("endpoint") == ()
