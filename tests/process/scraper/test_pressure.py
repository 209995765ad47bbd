"""A datasource whose inbox is full is waited for: the scraper fetches no more, and nothing is lost or doubled."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from scrapr.client.datasource import DatasourceClient
from scrapr.client.settings import ClientSettings
from scrapr.client.transport import Transport, at
from scrapr.discovery.directory import Directory
from scrapr.discovery.redis import RedisRegistry
from scrapr.discovery.settings import DiscoverySettings
from scrapr.model.batch import Batch
from scrapr.model.errors import Unavailable
from scrapr.roles.datasource import role as datasource_role
from scrapr.roles.datasource.settings import DatasourceSettings
from scrapr.runtime.loops import persist
from scrapr.storage.mongo import Database
from tests.conftest import Until
from tests.endings import end
from tests.process.scraper.peers import World, living

PAGES = 60
ONCE = ClientSettings(tries=1)


@pytest.mark.timeout(300)
async def test_a_full_inbox_slows_the_scraper_down_and_loses_nothing(
    world: World, database: Database, until: Until
) -> None:
    for number in range(1, PAGES + 1):
        following = f"/{number + 1}" if number < PAGES else None
        world.site.show(f"/{number}", [f"{number}-{place}" for place in range(3)], following)
    await world.datasource.go()
    settings = DatasourceSettings(depth=2, retry_after=0.1)
    built = await datasource_role.build(database=database, settings=settings, token="")
    discovery = DiscoverySettings(cache=0)
    directory = Directory(RedisRegistry(world.redis, discovery), discovery)
    async with living(replace(built, loops=()), directory, "datasource-1", killed=True) as url:
        datasource = DatasourceClient(Transport(world.session, at(url), ONCE))

        async def is_full() -> bool:
            try:
                await datasource.send(Batch(collection="others", data=[{"title": "x"}]))
            except Unavailable as error:
                return error.retry_after is not None
            return False

        await until(is_full, seconds=30)
        world.datasource.url = url
        await world.config.put(world.configuration())
        with capture_logs() as logs:
            async with world.scraper(killed=True), asyncio.TaskGroup() as group:

                async def is_delayed() -> bool:
                    return any(line["event"] == "datasource does not take it" for line in logs)

                await until(is_delayed, seconds=60)
                # What is fetched may wait in the run's buffer, and no more is fetched.
                assert len(world.site.visits) < PAGES / 2
                loops = [group.create_task(persist(loop)) for loop in built.loops]

                async def is_reduced() -> Any:
                    runs = await datasource.runs(configuration="c1")
                    return [run for run in runs if getattr(run, "reduction", None)]

                (run,) = await until(is_reduced, seconds=120)
                await end(*loops)
        assert (run.outcome, run.pages, run.items) == ("complete", PAGES, 3 * PAGES)
        page = await datasource.records("things")
        assert [record.key for record in page.records] == [
            f"{number}-{place}" for number in range(1, PAGES + 1) for place in range(3)
        ]
        assert any(line["event"] == "datasource takes it again" for line in logs)
