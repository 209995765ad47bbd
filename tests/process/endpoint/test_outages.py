"""What an endpoint does while others are away, and how it comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pydantic import SecretStr

from scrapr.storage import redis as redis_storage
from scrapr.storage.redis import Redis
from scrapr.storage.settings import RedisSettings
from tests.conftest import Until
from tests.process.endpoint.world import Endpoint, World
from tests.silence import silent


@pytest.fixture
async def no_redis(free_port: Callable[[], int]) -> AsyncIterator[Redis]:
    """A Redis that is not there."""
    url = SecretStr(f"redis://127.0.0.1:{free_port()}")
    async with redis_storage.connect(RedisSettings(url=url, timeout=0.5)) as client:
        yield client


async def test_an_endpoint_starts_from_redis_when_all_others_are_down(world: World, until: Until) -> None:
    endpoint = await world.start_endpoint()
    await world.add("letters")
    await world.send("letters", "a", "b", item="x")
    await until(lambda: _holds(endpoint, "a", "b"))
    await until(lambda: _kept(world, "letters", 2))
    before = await endpoint.page("letters")
    await world.stop("endpoint")
    await world.stop("datasource")
    await world.stop("config")
    again = await world.start_endpoint(stale_after=0.2)
    await until(lambda: _holds(again, "a", "b"))
    await until(lambda: _is_stale(again))
    page = await again.page("letters")
    assert page["items"] == before["items"]
    assert page["version"] == before["version"]
    assert before["last_success_at"] <= page["last_success_at"]
    answer = await again.get("/collections/letters/items")
    assert answer.headers["X-Scrapr-Stale"] == "true"
    assert answer.headers["X-Collection-Version"] == "2"
    assert int(answer.headers["Age"]) >= 0
    assert (await again.get("/ready")).status == 200
    assert (await again.get("/collections/letters/changes")).status == 503


async def test_it_catches_up_without_a_restart(world: World, until: Until) -> None:
    endpoint = await world.start_endpoint(check=3600, stale_after=0.2)
    await world.add("letters")
    await world.send("letters", "a", "b", "c")
    await until(lambda: _holds(endpoint, "a", "b", "c"))
    await world.stop("datasource")
    await until(lambda: _is_stale(endpoint))
    assert await endpoint.titles("letters") == ["a", "b", "c"]
    assert (await endpoint.get("/ready")).status == 200
    await world.start_datasource()
    await world.scrape("letters", "a", "c", "d")
    await until(lambda: _holds(endpoint, "a", "c", "d"))
    assert (await endpoint.page("letters"))["stale"] is False
    assert (await endpoint.get("/collections/letters/items")).headers["Age"] == "0"


async def test_a_collection_never_seen_is_unavailable(lone_world: World, until: Until) -> None:
    endpoint = await lone_world.start_endpoint(wait=0.1)
    await lone_world.add("letters")
    await until(lambda: _answers(endpoint, 503))
    answer = await endpoint.get("/v1/collections/letters/items")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    await lone_world.start_datasource()
    await until(lambda: _answers(endpoint, 200))


@pytest.mark.usefixtures("dropped_sockets")
async def test_without_redis_it_serves_from_memory(world: World, no_redis: Redis, until: Until) -> None:
    endpoint = await world.start_endpoint(redis=no_redis)
    await world.add("letters")
    await world.send("letters", "a")
    await until(lambda: _holds(endpoint, "a"))
    await world.stop("datasource")
    assert await endpoint.titles("letters") == ["a"]


@pytest.mark.usefixtures("dropped_sockets")
async def test_a_redis_that_hangs_does_not_hold_up_a_healthy_datasource(
    world: World, free_port: Callable[[], int], until: Until
) -> None:
    await world.add("letters")
    await world.send("letters", "a")
    await until(lambda: _reduced(world))
    port = free_port()
    hanging = RedisSettings(url=SecretStr(f"redis://127.0.0.1:{port}"), timeout=30)
    async with silent(port), redis_storage.connect(hanging) as redis:
        endpoint = await world.start_endpoint(redis=redis)
        # Less than two commands' timeouts, and commands are tried again: there are two before the first load.
        await until(lambda: _holds(endpoint, "a"))
        await world.stop("endpoint")


async def test_what_redis_forgot_is_written_again(world: World, until: Until) -> None:
    endpoint = await world.start_endpoint(check=0.1)
    await world.add("letters")
    await world.send("letters", "a", "b")
    await until(lambda: _holds(endpoint, "a", "b"))
    await until(lambda: _kept(world, "letters", 2))
    await world.redis.flushall()
    await until(lambda: _kept(world, "letters", 2))
    await world.redis.flushall()
    await world.send("letters", "c")
    await until(lambda: _kept(world, "letters", 3))


async def test_a_damaged_copy_is_no_copy(world: World, until: Until) -> None:
    endpoint = await world.start_endpoint()
    await world.add("letters")
    await world.send("letters", "a", "b")
    await until(lambda: _holds(endpoint, "a", "b"))
    await until(lambda: _kept(world, "letters", 2))
    await world.stop("endpoint")
    for damage in (b"no row", None):
        if damage is None:
            await world.redis.delete("scrapr:endpoint:rows:letters")
        else:
            await world.redis.hset("scrapr:endpoint:rows:letters", "a", damage)
        again = await world.start_endpoint()
        await until(lambda: _holds(again, "a", "b"))  # noqa: B023 - it is awaited within the loop
        await world.stop("endpoint")


async def test_a_collection_that_began_anew_is_followed(world: World, until: Until) -> None:
    endpoint = await world.start_endpoint()
    await world.add("letters")
    await world.send("letters", "a", "b", "c")
    await until(lambda: _holds(endpoint, "a", "b", "c"))
    await until(lambda: _kept(world, "letters", 3))
    tag = (await endpoint.get("/items")).headers["ETag"]
    await world.stop("datasource")
    for name in await world.database.list_collection_names():
        await world.database.drop_collection(name)
    await world.start_datasource()
    await world.send("letters", "z")
    await until(lambda: _holds(endpoint, "z"))
    await until(lambda: _kept(world, "letters", 1))
    assert (await endpoint.get("/items", If_None_Match=tag)).status == 200


async def test_a_long_absence_ends_with_a_whole_copy(world: World, until: Until) -> None:
    endpoint = await world.start_endpoint(far=5, page=3)
    await world.add("letters")
    await world.send("letters", "a")
    await until(lambda: _holds(endpoint, "a"))
    await world.stop("endpoint")
    await world.send("letters", *"bcdefghij")
    again = await world.start_endpoint(far=5, page=3)
    await until(lambda: _holds(again, *"abcdefghij"))
    await world.stop("endpoint")
    await world.send("letters", *"klm")
    once_more = await world.start_endpoint(far=5, page=2)
    await until(lambda: _holds(once_more, *"abcdefghijklm"))


async def test_changes_that_the_datasource_forgot_are_no_gap(world: World, until: Until) -> None:
    endpoint = await world.start_endpoint()
    await world.add("letters")
    await world.send("letters", "a", "b")
    await until(lambda: _holds(endpoint, "a", "b"))
    await world.stop("endpoint")
    await world.send("letters", "c", "d")
    await until(lambda: _reduced(world))
    await world.database["changes"].delete_many({"_id.version": {"$lte": 3}})
    again = await world.start_endpoint()
    await until(lambda: _holds(again, "a", "b", "c", "d"))


async def _holds(endpoint: Endpoint, *titles: str) -> bool:
    return await endpoint.titles("letters") == list(titles)


async def _answers(endpoint: Endpoint, status: int) -> bool:
    return (await endpoint.get("/v1/collections/letters/items")).status == status


async def _is_stale(endpoint: Endpoint) -> bool:
    return bool((await endpoint.page("letters"))["stale"])


async def _kept(world: World, collection: str, version: int) -> bool:
    standing: Any = await world.redis.hgetall(f"scrapr:endpoint:copy:{collection}")
    return bool(standing.get(b"version") == b"%d" % version)


async def _reduced(world: World) -> bool:
    return await world.database["inbox"].count_documents({"waiting": {"$exists": True}}) == 0
