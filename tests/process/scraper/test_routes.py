"""The scraper's HTTP API, in both shapes."""

from __future__ import annotations

import asyncio

from tests.conftest import Until
from tests.process.scraper.peers import World


async def wait_for_claims(world: World, until: Until, url: str, number: int) -> None:
    async def holds() -> bool:
        return len(await world.get(f"{url}/configurations")) == number

    await until(holds)


async def test_the_claimed_configurations_are_told_in_both_shapes(world: World, until: Until) -> None:
    world.site.show("/1", ["a"])
    await world.config.put(world.configuration())
    async with world.scraper() as url:
        await wait_for_claims(world, until, url, 1)
        bare = await world.get(f"{url}/configurations")
        versioned = await world.get(f"{url}/v1/configurations")
    assert [each["id"] for each in bare] == ["c1"]
    assert versioned["configurations"] == bare


async def test_home_leads_to_a_start(world: World, until: Until) -> None:
    world.site.show("/1", ["a"])
    await world.config.put(world.configuration())
    async with world.scraper() as url:
        await wait_for_claims(world, until, url, 1)
        runs = await world.get(f"{url}/")
    assert [(run["configuration"], run["outcome"]) for run in runs] == [("c1", "complete")]


async def test_put_configurations_makes_the_scraper_look(world: World, until: Until) -> None:
    world.site.show("/1", ["a"])
    async with world.scraper() as url:

        async def claimed() -> bool:
            return world.config.claims > 0

        await until(claimed)
        configuration = world.configuration()
        world.config.configurations["c1"] = configuration
        async with world.session.put(f"{url}/configurations") as answer:
            assert answer.status == 200
            assert [each["id"] for each in await answer.json()] == ["c1"]
        await world.config.go()
        async with world.session.put(f"{url}/configurations") as answer:
            assert answer.status == 503


async def test_a_start_runs_now_and_answers_with_the_run(world: World, until: Until) -> None:
    world.site.show("/1", ["a"])
    await world.config.put(world.configuration())
    async with world.scraper() as url:
        await wait_for_claims(world, until, url, 1)
        # Perhaps the first of all runs, which is under way.
        await world.get(f"{url}/v1/scraper/start")
        started = await world.get(f"{url}/v1/scraper/start", configuration="c1")
        async with world.session.post(f"{url}/v1/scraper/start", json={"collection": "things"}) as answer:
            assert answer.status == 200
            again = await answer.json()
        told = await world.get(f"{url}/v1/runs", configuration="c1", limit=2)
        everything = await world.get(f"{url}/runs")
    assert started["under_way"] == again["under_way"] == []
    assert [run["run"] for run in told["runs"]] == [again["runs"][0]["run"], started["runs"][0]["run"]]
    assert len(everything["runs"]) == len(world.datasource.ends) >= 2


async def test_starts_at_the_same_time_share_one_run(world: World, until: Until) -> None:
    gate = asyncio.Event()
    world.site.block("/1", gate)
    await world.config.put(world.configuration())
    async with world.scraper() as url:
        await wait_for_claims(world, until, url, 1)
        async with asyncio.TaskGroup() as group:
            starts = [group.create_task(world.get(f"{url}/scraper/start")) for _ in range(5)]

            async def fetching() -> bool:
                return bool(world.site.visits)

            await until(fetching)
            gate.set()
    assert len({start.result()[0]["run"] for start in starts}) == 1
    assert world.site.visits == ["/1"]


async def test_a_start_that_takes_longer_than_the_deadline_answers_202(world: World, until: Until) -> None:
    gate = asyncio.Event()
    world.site.block("/1", gate)
    await world.config.put(world.configuration())
    async with world.scraper() as url:
        await wait_for_claims(world, until, url, 1)
        async with world.session.get(f"{url}/v1/scraper/start", params={"wait": "0.05"}) as answer:
            assert answer.status == 202
            (under_way,) = (await answer.json())["under_way"]
        assert (under_way["configuration"], under_way["collection"]) == ("c1", "things")
        gate.set()

        async def ended() -> bool:
            return bool(world.datasource.ends)

        await until(ended)
    assert world.datasource.ends[0].run == under_way["run"]


async def test_a_start_is_passed_on_to_the_scraper_that_holds_the_configuration(
    world: World, until: Until
) -> None:
    world.site.show("/1", ["a"])
    world.config.owner = "holder"
    await world.config.put(world.configuration())
    async with world.scraper("holder") as url:
        await wait_for_claims(world, until, url, 1)
        async with world.scraper("other") as other:

            async def known() -> bool:
                started = await world.get(f"{other}/v1/scraper/start", configuration="c1")
                return bool(started.get("runs"))

            await until(known)
            headers = {"Scrapr-Forwarded": "1"}
            async with world.session.get(
                f"{other}/v1/scraper/start", params={"configuration": "c1"}, headers=headers
            ) as answer:
                assert answer.status == 404


async def test_a_start_of_something_unknown_names_what_is_near(world: World, until: Until) -> None:
    world.site.show("/1", ["a"])
    await world.config.put(world.configuration())
    async with world.scraper() as url:
        await wait_for_claims(world, until, url, 1)
        for query in ({"configuration": "nobody"}, {"collection": "thing"}):
            async with world.session.get(f"{url}/v1/scraper/start", params=query) as answer:
                assert answer.status == 404
                problem = await answer.json()
        assert "near names: things" in problem["detail"]
        async with world.session.post(f"{url}/scraper/start", json={"configration": "c1"}) as answer:
            assert answer.status == 422
            assert "did you mean configuration?" in (await answer.json())["detail"]
        async with world.session.post(
            f"{url}/scraper/start", json={"configuration": "c1", "collection": "things"}
        ) as answer:
            assert answer.status == 422


async def test_a_start_by_get_needs_the_token_where_there_is_one(world: World, until: Until) -> None:
    world.site.show("/1", ["a"])
    async with world.scraper(token="secret") as url:
        async with world.session.get(f"{url}/scraper/start") as answer:
            assert answer.status == 401
        headers = {"Authorization": "Bearer secret"}
        async with world.session.get(f"{url}/scraper/start", headers=headers) as answer:
            assert answer.status == 200


async def test_it_is_ready_and_tells_its_numbers(world: World, until: Until) -> None:
    world.site.show("/1", ["a"])
    await world.config.put(world.configuration())
    async with world.scraper() as url:

        async def ended() -> bool:
            return bool(world.datasource.ends)

        await until(ended)
        assert (await world.get(f"{url}/ready"))["checks"] == {"redis": "ok"}
        async with world.session.get(f"{url}/metrics") as answer:
            text = await answer.text()
    assert 'scrapr_scraper_runs_total{outcome="complete"}' in text
    assert "scrapr_scraper_lag_seconds_count" in text
