"""Whatever is away, in any combination, frozen or gone: the endpoint answers, says how old it is, and catches up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import pytest
from pydantic import SecretStr
from pymongo.uri_parser import parse_uri

from scrapr.model.errors import Unavailable
from scrapr.storage import mongo
from scrapr.storage import redis as redis_storage
from scrapr.storage.mongo import Database
from scrapr.storage.settings import MongoSettings, RedisSettings
from scrapr.web.settings import WebSettings
from tests.conftest import Until
from tests.process.endpoint.world import TOKEN, Endpoint, World, open_world
from tests.ways import Way, way_to

PARTS = ("source", "redis", "config", "mongo", "datasource")
ITEMS = "/v1/collections/letters/items"
PATIENT: dict[str, Any] = {"stale_after": 1.0, "check": 2.0}


@dataclass
class Land:
    """The world, with a way to each of its parts; the source is whoever sends batches."""

    world: World
    ways: dict[str, Way]
    sent: list[str] = field(default_factory=list)

    async def send(self) -> bool:
        """Another item, straight to the datasource; whether it was taken."""
        title = f"item {len(self.sent)}"
        try:
            await self.world.send("letters", title)
        except Unavailable:
            return False
        self.sent.append(title)
        return True


@pytest.fixture
async def land(
    mongo_url: str, redis_url: str, database: Database, free_port: Callable[[], int]
) -> AsyncIterator[Land]:
    """The real config and datasource with the real MongoDB and Redis, all of them behind ways."""
    async with AsyncExitStack() as stack:
        ports = {
            "mongo": parse_uri(mongo_url)["nodelist"][0][1],
            "redis": int(redis_url.rpartition(":")[2]),
            "config": free_port(),
            "datasource": free_port(),
        }
        ways = {name: await stack.enter_async_context(way_to(port)) for name, port in ports.items()}
        url = f"mongodb://127.0.0.1:{ways['mongo'].port}/?directConnection=true"
        there = await stack.enter_async_context(
            mongo.connect(MongoSettings(url=SecretStr(url), timeout=5), database.name)
        )
        settings = RedisSettings(url=SecretStr(f"redis://127.0.0.1:{ways['redis'].port}"))
        redis = await stack.enter_async_context(redis_storage.connect(settings))
        await redis.flushall()
        world = await stack.enter_async_context(
            open_world(
                there,
                redis,
                free_port,
                ports=ports,
                reached={name: ways[name].url for name in ("config", "datasource")},
                web=WebSettings(token=SecretStr(TOKEN), ping=1),
            )
        )
        await world.start_config()
        await world.start_datasource(reconcile=3600)
        yield Land(world, ways)
        for way in ways.values():
            await way.open()


def walk() -> list[frozenset[str]]:
    """All combinations of parts, from one to the next a single part goes or comes back (a Gray code)."""
    codes = [number ^ number >> 1 for number in range(1, 2 ** len(PARTS))]
    return [frozenset(part for place, part in enumerate(PARTS) if code >> place & 1) for code in codes] + [
        frozenset()
    ]


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("dropped_sockets")
@pytest.mark.parametrize("how", ["frozen", "gone"])
async def test_whatever_is_away_the_endpoint_answers(
    land: Land, until: Until, how: Literal["frozen", "gone"]
) -> None:
    endpoint = await land.world.start_endpoint(**PATIENT)
    await land.world.add("letters")
    await until(land.send)
    await until(lambda: is_there(endpoint), seconds=60)
    await until(lambda: tells(endpoint, land.sent, stale=False), seconds=60)
    before: frozenset[str] = frozenset()
    for away in walk():
        for part in (away ^ before) - {"source"}:
            await change(land.ways[part], part in away, how)
        before = away
        if not away & {"source", "mongo"}:
            await until(land.send, seconds=60)
        stale = bool(away & {"mongo", "datasource"})
        seen = None if stale else land.sent
        await until(lambda: tells(endpoint, seen, stale=stale), seconds=60)  # noqa: B023 - awaited within the loop
        if away == {"source", "config", "mongo", "datasource"}:
            await land.world.stop("endpoint")
            endpoint = await land.world.start_endpoint(**PATIENT)
            await until(lambda: is_there(endpoint), seconds=60)  # noqa: B023 - awaited within the loop
            await until(lambda: tells(endpoint, None, stale=True), seconds=60)  # noqa: B023 - awaited within the loop
            assert (await endpoint.get("/v1/collections/numbers/items")).status == 503


async def change(way: Way, away: bool, how: Literal["frozen", "gone"]) -> None:
    act: Callable[[], Awaitable[None]] = way.open
    if away:
        act = way.freeze if how == "frozen" else way.cut
    await act()


async def is_there(endpoint: Endpoint) -> bool:
    answer = await endpoint.get(ITEMS)
    return answer.status == 200 and bool(answer.json["items"])


async def tells(endpoint: Endpoint, titles: list[str] | None, *, stale: bool) -> bool:
    """Whether it tells these titles, or any that it was told before, and how stale they are; it always answers 200."""
    page = await endpoint.page("letters")
    assert page["items"]
    since = datetime.fromisoformat(page["last_success_at"])
    assert since.timestamp() > 0
    if stale and page["stale"]:
        assert (await endpoint.page("letters"))["last_success_at"] == page["last_success_at"]
    return page["stale"] is stale and titles in (None, [item["title"] for item in page["items"]])


@pytest.mark.usefixtures("dropped_sockets")
async def test_nobody_waits_for_peers_that_hang(land: Land, until: Until) -> None:
    """The peers' timeouts are an hour here: whoever waited for one of them would wait for the end of the test."""
    endpoint = await land.world.start_endpoint(**PATIENT)
    await land.world.add("letters")
    await until(land.send)
    await until(lambda: is_there(endpoint), seconds=60)
    await until(lambda: tells(endpoint, land.sent, stale=False), seconds=60)
    for way in land.ways.values():
        await way.freeze()
    await until(lambda: tells(endpoint, land.sent, stale=True), seconds=60)
    for path, status in (
        (ITEMS, 200),
        ("/v1/collections", 200),
        ("/v1/configurations", 200),
        ("/v1/collections/numbers/items", 503),
        ("/ready", 200),
    ):
        async with asyncio.timeout(20):
            assert (await endpoint.get(path)).status == status, path
    for way in land.ways.values():
        await way.open()
