"""The state of a configuration, told by the datasource: after its runs, and when they stop coming."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from scrapr.client.config import ConfigClient
from scrapr.client.settings import ClientSettings
from scrapr.client.transport import Transport, at
from scrapr.model.errors import NotFound
from scrapr.model.times import now
from scrapr.roles.config import role as config_role
from scrapr.roles.config.settings import ConfigSettings
from scrapr.roles.datasource.settings import DatasourceSettings
from scrapr.runtime.lifecycle import Lifecycle
from scrapr.runtime.loops import persist
from scrapr.runtime.settings import DrainSettings
from scrapr.storage.mongo import Database
from scrapr.web.server import serving
from scrapr.web.settings import WebSettings
from tests.conftest import Until
from tests.endings import end
from tests.process.datasource.conftest import TOKEN, Datasource, running

SCRAPER = {"source": "http://127.0.0.1:1/", "selector": [{"title": "h3"}]}
DRAFT = {"type": "scraper", "collection": "c", "ttl": 1, "scraper": SCRAPER}


async def run(datasource: Datasource, name: str, *titles: str, configuration: str, **parts: Any) -> None:
    if titles:
        items = [{"title": title} for title in titles]
        await datasource.send("c", *items, run=name, configuration=configuration)
    pages = {"pages": min(1, len(titles)), "items": len(titles), **parts}
    await datasource.end("c", name, configuration=configuration, **pages)


@pytest.fixture
async def told(datasource: Datasource, until: Until) -> Any:
    """A function that waits for a state: `await told("x", "broken")`."""

    async def wait(configuration: str, state: str) -> Any:
        async def is_so() -> Any:
            try:
                found = await datasource.client.state(configuration)
            except NotFound:
                return None
            return found if found.state == state else None

        return await until(is_so, seconds=30)

    return wait


async def test_a_run_makes_the_state_and_a_bad_one_names_the_last_good(
    datasource: Datasource, told: Any
) -> None:
    await run(datasource, "r1", "a", "b", configuration="x", fill={"title": 1.0, "a.b": 0.5})
    good = await told("x", "healthy")
    assert (good.collection, good.good.run, good.good.items) == ("c", "r1", 2)
    assert good.good.fill == {"title": 1.0, "a.b": 0.5}
    with capture_logs() as logs:
        await run(
            datasource,
            "r2",
            configuration="x",
            outcome="empty",
            error="No items on 1 page",
            started_at="2026-01-02T03:05:00Z",
            finished_at="2026-01-02T03:05:01Z",
        )
        broken = await told("x", "broken")
    assert (broken.reason, broken.last.run, broken.good.run) == ("No items on 1 page", "r2", "r1")
    assert broken.since > good.since
    assert [line["state"] for line in logs if line["event"] == "state"] == ["broken"]


async def test_states_are_listed_page_by_page_and_by_what_they_are(datasource: Datasource, told: Any) -> None:
    for name in ("x", "y", "z"):
        outcome = {"outcome": "failed", "error": "no answer"} if name == "y" else {}
        await run(datasource, f"r-{name}", *([] if outcome else ["a"]), configuration=name, **outcome)
    await told("z", "healthy")
    await told("y", "broken")
    assert [each.configuration async for each in datasource.client.states()] == ["x", "y", "z"]
    _, page = await datasource.ask("GET", "/v1/states?limit=2")
    assert ([each["configuration"] for each in page["states"]], page["next"]) == (["x", "y"], "y")
    _, broken = await datasource.ask("GET", "/v1/states?state=broken&collection=c")
    assert [(each["configuration"], each["reason"]) for each in broken["states"]] == [("y", "no answer")]
    status, problem = await datasource.ask("GET", "/v1/states?state=fine")
    assert (status, problem["errors"][0]["field"]) == (422, "state")
    assert (await datasource.ask("GET", "/v1/states/nobody"))[0] == 404


async def test_a_run_that_was_reduced_before_a_restart_is_told_after_it(
    start: Any, database: Database, until: Until
) -> None:
    first = await start(reconcile=3600)
    await run(first, "r1", "a", configuration="x")
    await until(first.reduced)
    await first.kill()
    # As if it had died between the reduction and the state.
    await database["states"].delete_many({})
    await database["runs"].update_one({"_id": "r1"}, {"$set": {"untold": now()}})
    second = await start(reconcile=3600)

    async def is_told() -> bool:
        return [each.state async for each in second.client.states()] == ["healthy"]

    await until(is_told)
    assert await database["runs"].count_documents({"untold": {"$exists": True}}) == 0


@pytest.fixture
async def config(database: Database) -> AsyncIterator[ConfigClient]:
    """A running config on the test's database."""
    lifecycle = Lifecycle(DrainSettings())
    built = await config_role.build(database=database, settings=ConfigSettings(), token=TOKEN)
    async with AsyncExitStack() as stack:
        settings = WebSettings(token=SecretStr(TOKEN))
        url = await stack.enter_async_context(serving(built, settings, lifecycle, port=0, close=1))
        session = await stack.enter_async_context(
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"})
        )
        async with asyncio.TaskGroup() as group:
            loops = [group.create_task(persist(loop)) for loop in built.loops]
            yield ConfigClient(Transport(session, at(url), ClientSettings()))
            await end(*loops)


async def test_a_configuration_is_known_as_new_then_overdue_then_forgotten(
    config: ConfigClient, database: Database, until: Until
) -> None:
    before = await config.add(DRAFT)
    settings = DatasourceSettings(overdue_ttls=1, overdue_least=0, overdue_look=0.05)
    async with running(database, settings, config=config) as datasource:
        datasource.wake()

        async def states() -> dict[str, str]:
            return {each.configuration: each.state async for each in datasource.client.states()}

        async def become(wanted: dict[str, str]) -> None:
            async def are_so() -> bool:
                return await states() == wanted

            await until(are_so, seconds=30)

        slow = await config.add({**DRAFT, "collection": "d", "ttl": 3600})
        await become({before.id: "overdue", slow.id: "new"})
        overdue = await datasource.client.state(before.id)
        assert "no run has ever ended" in (overdue.reason or "")
        assert "no scraper holds it" in (overdue.reason or "")
        await config.replace(before.id, {**DRAFT, "ttl": 3600})
        await become({before.id: "new", slow.id: "new"})
        await config.remove(slow.id)
        await become({before.id: "new"})
