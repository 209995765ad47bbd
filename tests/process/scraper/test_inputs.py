"""Runs with inputs: one for all who ask, kept for a while, and never among the collection's records."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from scrapr.model.configuration import Configuration, Scraper
from scrapr.roles.scraper.settings import ScraperSettings
from tests.conftest import Until
from tests.process.scraper.peers import World, render
from tests.process.scraper.test_routes import wait_for_claims

REQUIRED = {"city": {"type": "text", "pattern": "[a-z ]+"}}
DEFAULT = {"city": {"type": "text", "default": "berlin"}}


def by_city(
    world: World, inputs: dict[str, Any] = REQUIRED, identity: str = "c1", **changes: Any
) -> Configuration:
    scraper = Scraper(
        source=f"{world.site.url}/in/{{city}}",
        scope="li.thing",
        selector=[{"title": "h3"}],
        paginate="a.next@href",
    )
    return world.configuration(identity, scraper=scraper, inputs=inputs, **changes)


async def start(world: World, url: str, city: str | None, **more: Any) -> tuple[int, Any, Any]:
    inputs = {} if city is None else {"city": city}
    body = {"configuration": "c1", "inputs": inputs} | more
    async with world.session.post(f"{url}/v1/scraper/start", json=body) as answer:
        return answer.status, await answer.json(content_type=None), answer.headers


async def test_a_start_with_inputs_answers_with_the_items_and_stores_no_records(
    world: World, until: Until
) -> None:
    world.site.show("/in/san%20jose", ["a", "b"], "/2")
    world.site.show("/2", ["c"])
    await world.config.put(by_city(world))
    async with world.scraper() as url:
        await wait_for_claims(world, until, url, 1)
        status, told, _ = await start(world, url, "san jose")
        again = await start(world, url, "san jose")
        runs = await world.get(f"{url}/v1/runs", configuration="c1")
    assert status == 200
    (result,) = told["results"]
    assert [item["title"] for item in result["items"]] == ["a", "b", "c"]
    assert (result["inputs"], result["run"]["outcome"]) == ({"city": "san jose"}, "complete")
    assert again[1] == told
    assert world.site.visits == ["/in/san%20jose", "/2"]
    assert world.datasource.batches == {}
    assert world.datasource.ends == []
    assert [run["run"] for run in runs["runs"]] == [result["run"]["run"]]


async def test_starts_with_the_same_inputs_share_one_run(world: World, until: Until) -> None:
    gate = asyncio.Event()
    world.site.block("/in/rome", gate)
    await world.config.put(by_city(world))
    async with world.scraper() as url:
        await wait_for_claims(world, until, url, 1)
        status, told, _ = await start(world, url, "rome", wait=0.05)
        assert (status, len(told["under_way"])) == (202, 1)
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(start(world, url, "rome")) for _ in range(5)]
            await until(lambda: asyncio.sleep(0, bool(world.site.visits)))
            gate.set()
    assert {task.result()[1]["runs"][0]["run"] for task in asked} == {told["under_way"][0]["run"]}
    assert world.site.visits == ["/in/rome"]


async def test_wrong_missing_and_unknown_inputs_are_refused_by_name(world: World, until: Until) -> None:
    await world.config.put(by_city(world))
    async with world.scraper() as url:
        await wait_for_claims(world, until, url, 1)
        wrong = await start(world, url, "Rome!")
        missing = await start(world, url, None)
        unknown = await start(world, url, "rome", inputs={"city": "rome", "town": "x"})
        without = await start(world, url, None, inputs=None)
        everything = await world.get(f"{url}/v1/scraper/start")
    for answer, field in (
        (wrong, "inputs.city"),
        (missing, "inputs.city"),
        (unknown, "inputs.town"),
        (without, "inputs.city"),
    ):
        assert answer[0] == 422
        assert [each["field"] for each in answer[1]["errors"]] == [field]
        assert answer[1]["errors"][0]["allowed"]
    assert everything["runs"] == []
    assert world.site.visits == []


async def test_a_configuration_with_defaults_is_scraped_into_its_collection(
    world: World, until: Until
) -> None:
    world.site.show("/in/berlin", ["a"])
    world.site.show("/in/rome", ["b"])
    await world.config.put(by_city(world, DEFAULT))
    async with world.scraper() as url:
        await until(lambda: asyncio.sleep(0, bool(world.datasource.ends)))
        _, told, _ = await start(world, url, "rome", configuration=None, collection="things")
    assert world.datasource.titles() == ["a"]
    assert [item["title"] for item in told["results"][0]["items"]] == ["b"]


async def test_more_runs_than_allowed_are_refused_for_a_while(world: World, until: Until) -> None:
    gate = asyncio.Event()
    for city in ("rome", "oslo"):
        world.site.block(f"/in/{city}", gate)
    world.settings = ScraperSettings(jitter=0, finish=0.3, hand_over=0.5, input_runs=1)
    await world.config.put(by_city(world))
    async with world.scraper() as url:
        await wait_for_claims(world, until, url, 1)
        assert (await start(world, url, "rome", wait=0))[0] == 202
        status, _, headers = await start(world, url, "oslo")
        assert (status, headers["Retry-After"]) == (429, "5")
        gate.set()
        assert (await start(world, url, "rome"))[0] == 200
        assert (await start(world, url, "oslo"))[0] == 200


async def test_the_least_recently_used_of_too_many_results_goes(world: World, until: Until) -> None:
    for city in "abc":
        world.site.show(f"/in/{city}", [city])
    world.settings = ScraperSettings(jitter=0, finish=0.3, hand_over=0.5, input_sets=2)
    await world.config.put(by_city(world))
    async with world.scraper() as url:
        await wait_for_claims(world, until, url, 1)
        for city in "abaca":
            await start(world, url, city)
        assert world.site.visits == ["/in/a", "/in/b", "/in/c"]
        await start(world, url, "b")
        assert world.site.visits[3:] == ["/in/b"]
        keys = [key async for key in world.redis.scan_iter("*:scraper:result:*")]
    assert len(keys) == 2


async def test_a_result_is_scraped_again_after_its_ttl_and_stands_in_when_that_fails(
    world: World, until: Until
) -> None:
    world.site.show("/in/rome", ["a"])
    await world.config.put(by_city(world, ttl=1))
    async with world.scraper() as url:
        await wait_for_claims(world, until, url, 1)
        await start(world, url, "rome")
        world.site.fail("/in/rome", 500)

        async def stale() -> Any:
            (result,) = (await start(world, url, "rome"))[1]["results"]
            return result if result["stale"] else None

        result = await until(stale)
    assert [item["title"] for item in result["items"]] == ["a"]
    assert "500" in result["error"]
    assert len(world.site.visits) == 2


async def test_a_result_that_is_too_large_is_cut_and_says_so(world: World, until: Until) -> None:
    async def page() -> web.StreamResponse:
        return render([str(number) * 100 for number in range(100)], "/in/rome2")

    world.site.pages["/in/rome"] = page
    world.settings = ScraperSettings(jitter=0, finish=0.3, hand_over=0.5, input_bytes=1024)
    await world.config.put(by_city(world))
    async with world.scraper() as url:
        await wait_for_claims(world, until, url, 1)
        _, told, _ = await start(world, url, "rome")
    (result,) = told["results"]
    assert (result["run"]["outcome"], len(result["items"])) == ("cut", result["run"]["items"])
    assert "1024 bytes" in result["error"]


async def test_a_start_with_inputs_is_passed_on_to_the_holder(world: World, until: Until) -> None:
    world.site.show("/in/rome", ["a"])
    world.config.owner = "holder"
    await world.config.put(by_city(world))
    async with world.scraper("holder") as url:
        await wait_for_claims(world, until, url, 1)
        async with world.scraper("other") as other:

            async def passed() -> bool:
                return (await start(world, other, "rome", configuration=None, collection="things"))[0] == 200

            await until(passed)
            status, problem, _ = await start(world, other, "R")
            plain, refusal, _ = await start(world, other, None, inputs=None)
    assert (status, problem["errors"][0]["field"]) == (422, "inputs.city")
    assert (plain, refusal["errors"][0]["field"]) == (422, "inputs.city")
