"""An endpoint comes to what the datasource has, whatever happened on the way."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from tests.conftest import Until
from tests.process.endpoint.world import Endpoint, World

TITLES = [f"title {number}" for number in range(60)]


async def test_restarts_and_loads_amid_changes_lose_nothing(world: World, until: Until) -> None:
    """Small pages, a near limit for whole copies, a forgetful Redis: every way of catching up is taken."""
    chance = random.Random(7)
    settings: dict[str, Any] = {"page": 4, "far": 15, "check": 0.3}
    endpoint = await world.start_endpoint(**settings)
    await world.add("letters")
    for step in range(40):
        some = chance.sample(TITLES, chance.randint(1, 8))
        await world.send("letters", *some, item=f"value {step}")
        match step:
            case 8 | 28:
                await world.redis.flushall()
            case 14:
                await world.stop("endpoint")
            case 18:
                endpoint = await world.start_endpoint(**settings)
            case 22 | 32:
                await _restart_datasource(world)
            case _:
                await asyncio.sleep(chance.random() / 50)
    await until(lambda: _equal(world, endpoint), seconds=20)
    await until(lambda: _kept_equal(world), seconds=20)


async def _restart_datasource(world: World) -> None:
    await world.stop("datasource")
    await world.start_datasource(reconcile=3600)


async def _equal(world: World, endpoint: Endpoint) -> bool:
    """Whether both have the same, and all that was sent is reduced."""
    if await world.database["inbox"].count_documents({"waiting": {"$exists": True}}):
        return False
    records = await world.datasource.records("letters")
    page = await endpoint.page("letters", "?limit=1000")
    if page["version"] != records.version:
        return False
    assert page["items"] == [record.public() for record in records.records]
    assert page["total"] == len(records.records)
    return True


async def _kept_equal(world: World) -> bool:
    """Whether the last good copy is the same, too."""
    records = await world.datasource.records("letters")
    if await world.redis.hget("scrapr:endpoint:copy:letters", "version") != b"%d" % records.version:
        return False
    kept: Any = await world.redis.hgetall("scrapr:endpoint:rows:letters")
    versions = {key.decode(): int(packed.split(b" ")[1]) for key, packed in kept.items()}
    assert versions == {record.key: record.version for record in records.records}
    return True
