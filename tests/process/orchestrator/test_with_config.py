"""An orchestrator with a real zygote and a real config on a real mongod: a posted configuration is a replica."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest

from scrapr.client.config import ConfigClient
from scrapr.client.settings import ClientSettings
from scrapr.client.transport import Transport, at, open_session
from scrapr.roles.config import role
from scrapr.roles.config.settings import ConfigSettings
from scrapr.runtime.lifecycle import Lifecycle
from scrapr.runtime.settings import DrainSettings
from scrapr.web.server import serving
from scrapr.web.settings import WebSettings


@pytest.fixture
async def config(world: Any, database: Any) -> AsyncIterator[ConfigClient]:
    """Config, in the place of the one that only serves pools; one slot for each replica, none without work."""
    await world.config.leave()
    settings = ConfigSettings(pool_slots=1, pool_replicas_min=0)
    built = await role.build(database=database, settings=settings, token="")
    asked, lifecycle = asyncio.Event(), Lifecycle(DrainSettings())
    async with (
        serving(built, WebSettings(), lifecycle, port=world.config.port, close=0.1) as url,
        open_session(ClientSettings(), "") as session,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(lifecycle.live(built.loops, stop=asked, release=built.release))
        try:
            yield ConfigClient(Transport(session, at(url), ClientSettings()))
        finally:
            asked.set()


def draft(collection: str) -> dict[str, Any]:
    """A configuration of a page that nobody will ask for."""
    scraper = {"source": "http://127.0.0.1:9/", "scope": "li", "selector": [{"title": "a"}]}
    return {"type": "scraper", "collection": collection, "scraper": scraper}


async def test_each_configuration_gets_its_replica_and_loses_it(world: Any, config: Any, until: Any) -> None:
    await world.orchestrate()
    first = await config.add(draft("one"))
    await until(world.runs("scraper-default-0", "endpoint-default-0"))
    await config.add(draft("two"))
    both = [f"{role}-default-{ordinal}" for role in ("scraper", "endpoint") for ordinal in (0, 1)]
    await until(world.runs(*both))
    await config.remove(first.id)
    await until(world.runs("scraper-default-0", "endpoint-default-0", "endpoint-default-1"))


async def test_a_pool_that_is_put_is_filled_and_its_dead_are_replaced(
    world: Any, config: Any, until: Any
) -> None:
    await world.orchestrate()
    pool = {"role": "scraper", "place": "eu", "slots": 5, "replicas_min": 2}
    await config.put_pool("scraper-eu", pool)
    names = ("scraper-eu-0", "scraper-eu-1")
    await until(world.runs(*names))
    before = (await world.running())["scraper-eu-1"].pid
    os.kill(before, signal.SIGKILL)

    async def replaced() -> bool:
        found = (await world.running()).get("scraper-eu-1")
        return found is not None and found.pid != before

    await until(replaced)
