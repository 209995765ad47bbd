"""The scraper between the real config and the real datasource, on a real MongoDB."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TypeGuard

import pytest

from scrapr.client.config import ConfigClient
from scrapr.client.datasource import DatasourceClient
from scrapr.client.settings import ClientSettings
from scrapr.client.transport import Transport, at
from scrapr.discovery.directory import Directory
from scrapr.discovery.redis import RedisRegistry
from scrapr.discovery.settings import DiscoverySettings
from scrapr.model.batch import ReducedRun, Run, Runs
from scrapr.model.record import Records
from scrapr.roles.config import role as config_role
from scrapr.roles.config.settings import ConfigSettings
from scrapr.roles.datasource import role as datasource_role
from scrapr.roles.datasource.settings import DatasourceSettings
from scrapr.storage.mongo import Database
from tests.conftest import Until
from tests.process.scraper.peers import World, living


def _is_reduced(run: Run) -> TypeGuard[ReducedRun]:
    return isinstance(run, ReducedRun) and run.reduction is not None


@pytest.fixture
async def real_world(world: World, database: Database) -> World:
    """A world whose config and datasource are the product's own."""
    await world.config.go()
    await world.datasource.go()
    return world


async def test_a_posted_configuration_becomes_records_and_stays_fresh(
    real_world: World, database: Database, until: Until
) -> None:
    world = real_world
    world.site.show("/1", ["a", "b"], "/2")
    world.site.show("/2", ["c"])
    async with AsyncExitStack() as stack:
        transport = Transport(world.session, at("http://127.0.0.1:1"), ClientSettings())
        discovery = DiscoverySettings(cache=0)
        builds = {
            "config": config_role.build(database=database, settings=ConfigSettings(), token=""),
            "datasource": datasource_role.build(database=database, settings=DatasourceSettings(), token=""),
        }
        urls = {}
        for name, build in builds.items():
            directory = Directory(RedisRegistry(world.redis, discovery), discovery)
            urls[name] = await stack.enter_async_context(
                living(await build, directory, f"{name}-1", killed=True)
            )
        world.config.url, world.datasource.url = urls["config"], urls["datasource"]
        config = ConfigClient(transport.toward(at(urls["config"])))
        datasource = DatasourceClient(transport.toward(at(urls["datasource"])))
        scraper = await stack.enter_async_context(world.scraper())

        configuration = await config.add(
            world.configuration(ttl=3600).model_dump(include={"type", "collection", "scraper", "ttl"})
        )

        async def records(*titles: str) -> Records | None:
            collections = {each.name for each in await datasource.collections()}
            if "things" not in collections:
                return None
            found = await datasource.records("things")
            return found if [each.key for each in found.records] == list(titles) else None

        await until(lambda: records("a", "b", "c"))

        async def ended() -> tuple[Run, ...]:
            told = await world.get(f"{scraper}/v1/runs", configuration=configuration.id)
            return Runs.model_validate(told).runs

        (run,) = await until(ended)
        assert (run.outcome, run.pages, run.items) == ("complete", 2, 3)

        async def run_again() -> Run:
            started = await world.get(f"{scraper}/v1/scraper/start", configuration=configuration.id)
            return Run.model_validate(started["runs"][0])

        async def reduced(again: Run) -> ReducedRun | None:
            return next(
                (
                    each
                    for each in await datasource.runs(configuration=configuration.id)
                    if _is_reduced(each) and each.run == again.run
                ),
                None,
            )

        world.site.show("/2", ["x"])
        again = await run_again()
        assert (again.pages, again.unchanged_pages) == (1, 1)
        told = await until(lambda: reduced(again))
        assert told is not None
        assert told.reduction is not None
        # What the unchanged page had stays, what the changed one had goes.
        assert (told.state, told.reduction.kept, told.reduction.removed) == ("healthy", None, 1)
        await until(lambda: records("a", "b", "x"))
        assert (await run_again()).unchanged_pages == 2

        world.site.show("/1", ["a", "d"])
        changed = configuration.model_dump(include={"type", "collection", "scraper"}) | {"ttl": 60}
        await config.replace(configuration.id, changed)
        # A complete run: what it did not see is gone.
        await until(lambda: records("a", "d"))
