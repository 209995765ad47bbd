"""What a scraper does when the world around it changes: claims, restarts, peers that go and come back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from pydantic import SecretStr

from scrapr.model.batch import Run
from scrapr.roles.scraper.store import Store
from scrapr.storage import redis as redis_storage
from scrapr.storage.settings import RedisSettings
from tests.conftest import Until
from tests.process.scraper.peers import World
from tests.silence import silent


def ends(world: World, number: int) -> Callable[[], Awaitable[list[Run]]]:
    """A condition: the datasource heard of that many ends."""

    async def heard() -> list[Run]:
        return world.datasource.ends if len(world.datasource.ends) >= number else []

    return heard


async def settle(world: World, url: str) -> None:
    """Give the scraper time for what it would do wrong."""
    for _ in range(30):
        await world.get(f"{url}/ready")


async def test_a_configuration_runs_again_after_its_ttl(world: World, until: Until) -> None:
    world.site.show("/1", ["a"])
    await world.config.put(world.configuration(ttl=1))
    async with world.scraper():
        first, second = (await until(ends(world, 2)))[:2]
    assert 0.9 <= (second.started_at - first.started_at).total_seconds() < 2


async def test_a_hint_of_a_new_configuration_is_followed_at_once(world: World, until: Until) -> None:
    world.site.show("/1", ["a"])
    async with world.scraper():

        async def listens() -> bool:
            return world.config.joined > 0 and world.config.claims > 1

        await until(listens)
        started = asyncio.get_running_loop().time()
        await world.config.put(world.configuration())
        await until(ends(world, 1))
    # Claim, fetch robots.txt and page, extract, send: all on loopback. Generous, for a machine with other work.
    assert world.datasource.arrivals[0] - started < 0.5


async def test_a_restart_keeps_the_schedule(world: World, until: Until) -> None:
    world.site.show("/1", ["a"])
    await world.config.put(world.configuration())
    async with world.scraper():
        await until(ends(world, 1))
    async with world.scraper() as url:

        async def holds() -> bool:
            return len(await world.get(f"{url}/configurations")) == 1

        await until(holds)
        await settle(world, url)
    assert len(world.datasource.ends) == 1


async def test_a_run_of_a_killed_scraper_is_made_again_by_the_next(world: World, until: Until) -> None:
    gate = asyncio.Event()
    world.site.block("/1", gate)
    await world.config.put(world.configuration())
    async with world.scraper(killed=True):

        async def under_way() -> bool:
            return bool(world.site.visits) and bool(
                await Store(world.redis, world.settings).load_lasts(["c1"])
            )

        await until(under_way)
    gate.set()
    async with world.scraper():
        (run,) = await until(ends(world, 1))
    assert run.outcome == "complete"


async def test_a_new_revision_runs_at_once_and_cuts_the_old_run(world: World, until: Until) -> None:
    never = asyncio.Event()
    world.site.show("/1", ["a"], "/2")
    world.site.block("/2", never)
    world.site.show("/new", ["b"])
    await world.config.put(world.configuration())
    async with world.scraper():

        async def half_done() -> bool:
            return bool(world.datasource.batches)

        await until(half_done)
        changed = world.configuration(revision=2)
        assert changed.scraper is not None
        source = changed.scraper.model_copy(update={"source": f"{world.site.url}/new"})
        await world.config.put(changed.model_copy(update={"scraper": source}))
        old, new = await until(ends(world, 2))
    assert (old.outcome, old.pages) == ("cut", 1)
    assert old.error is not None
    assert "Revision 2" in old.error
    assert new.outcome == "complete"
    assert world.datasource.titles() == ["a", "b"]


async def test_a_lost_claim_ends_its_run_without_a_word(world: World, until: Until) -> None:
    never = asyncio.Event()
    world.site.block("/1", never)
    await world.config.put(world.configuration())
    async with world.scraper() as url:

        async def at_work() -> bool:
            return world.site.visits == ["/1"]

        await until(at_work)
        await world.config.remove("c1")

        async def dropped() -> bool:
            return bool(await world.get(f"{url}/configurations") == [])

        await until(dropped)
        await settle(world, url)
    assert world.datasource.ends == []


async def test_scraping_goes_on_while_config_is_away_even_across_a_restart(
    world: World, until: Until
) -> None:
    world.site.show("/1", ["a"])
    await world.config.put(world.configuration(ttl=1))
    async with world.scraper():
        await until(ends(world, 1))
        await world.config.go()
        await until(ends(world, 2))
    async with world.scraper():
        await until(ends(world, 3))
        await world.config.come()

        async def back() -> bool:
            return world.config.joined > 1

        await until(back)


async def test_a_config_that_hangs_does_not_hold_up_a_restart(world: World, until: Until) -> None:
    world.site.show("/1", ["a"])
    await world.config.put(world.configuration(ttl=1))
    async with world.scraper():
        await until(ends(world, 1))
    await world.config.go()
    done = len(world.datasource.ends)
    async with silent(world.config.port), world.scraper(killed=True):
        # A call to config is given up only after three tries of 5 s.
        await until(ends(world, done + 1), seconds=12)


async def test_the_first_claim_that_config_answers_is_a_fresh_one(world: World, until: Until) -> None:
    await world.config.put(world.configuration())
    async with world.scraper(killed=True):

        async def kept() -> bool:
            return await Store(world.redis, world.settings).load_claims("scraper-1") is not None

        await until(kept)
    await world.config.go()
    world.config.fresh.clear()
    async with world.scraper(killed=True) as url:

        async def goes_on() -> bool:
            return len(await world.get(f"{url}/configurations")) == 1

        await until(goes_on)
        await world.config.come()

        async def claimed() -> bool:
            return bool(world.config.fresh)

        await until(claimed, seconds=20)
        await world.config.hint()

        async def claimed_again() -> bool:
            return len(world.config.fresh) > 1

        await until(claimed_again)
    assert world.config.fresh[:2] == [True, False]


async def test_nothing_is_lost_while_the_datasource_is_away(world: World, until: Until) -> None:
    world.site.show("/1", ["a"], "/2")
    world.site.show("/2", ["b"])
    await world.datasource.go()
    await world.config.put(world.configuration())
    async with world.scraper():

        async def fetched() -> bool:
            return world.site.visits == ["/1", "/2"]

        await until(fetched)
        await world.datasource.come()
        (run,) = await until(ends(world, 1), seconds=20)
    assert (run.outcome, run.pages) == ("complete", 2)
    assert world.datasource.titles() == ["a", "b"]


async def test_a_stale_epoch_stops_the_run_and_asks_config(world: World, until: Until) -> None:
    world.site.show("/1", ["a"], "/2")
    world.site.show("/2", ["b"])
    world.datasource.least_epoch = 2
    await world.config.put(world.configuration())
    async with world.scraper():

        async def stopped() -> bool:
            return bool(await Store(world.redis, world.settings).load_runs(None, 1))

        await until(stopped)
        world.config.epoch = 2
        await world.config.hint()
        (run,) = await until(ends(world, 1))
    assert (run.epoch, run.outcome) == (2, "complete")
    assert {batch.epoch for batch in world.datasource.batches.values()} == {2}


async def test_earlier_holders_are_shut_out_before_anything_is_read(world: World, until: Until) -> None:
    world.config.epoch = 2
    world.datasource.gate.clear()
    world.site.show("/1", ["a"])
    await world.config.put(world.configuration(ttl=1))

    async def told() -> bool:
        return bool(world.datasource.announced)

    async def twice() -> bool:
        return len(world.datasource.ends) > 1

    async with world.scraper():
        await until(told)
        assert not world.site.visits
        world.datasource.gate.set()
        await until(twice)
    assert world.datasource.announced == [("c1", 2)]
    assert world.datasource.ends[0].outcome == "complete"


async def test_a_new_epoch_begins_the_run_again(world: World, until: Until) -> None:
    gate = asyncio.Event()
    world.site.block("/1", gate, ["a"])
    await world.config.put(world.configuration())
    async with world.scraper():

        async def at_work() -> bool:
            return world.site.visits == ["/1"]

        await until(at_work)
        world.config.epoch = 7
        await world.config.hint()

        async def again() -> bool:
            return world.site.visits == ["/1", "/1"]

        await until(again)
        gate.set()
        (run,) = await until(ends(world, 1))
    assert (run.epoch, run.outcome) == (7, "complete")


async def test_a_failing_source_is_tried_again_on_time_and_not_before(world: World, until: Until) -> None:
    world.site.fail("/1", 500)
    await world.config.put(world.configuration(ttl=1))
    async with world.scraper():
        first, second = (await until(ends(world, 2)))[:2]
    assert first.outcome == second.outcome == "failed"
    assert (second.started_at - first.started_at).total_seconds() >= 0.9


async def test_one_configuration_that_hangs_does_not_keep_the_others(world: World, until: Until) -> None:
    never = asyncio.Event()
    world.site.block("/slow", never)
    world.site.show("/1", ["a"])
    slow = world.configuration("slow")
    assert slow.scraper is not None
    hanging = slow.scraper.model_copy(update={"source": f"{world.site.url}/slow"})
    world.config.configurations["slow"] = slow.model_copy(update={"scraper": hanging})
    for number in range(20):
        world.config.configurations[f"c{number}"] = world.configuration(f"c{number}")
    world.settings = world.settings.model_copy(update={"runs": 2})
    async with world.scraper():
        served = {run.configuration for run in await until(ends(world, 20))}
    assert served == {f"c{number}" for number in range(20)}


async def test_stopping_lets_a_run_end_and_gives_the_claims_back(world: World, until: Until) -> None:
    world.settings = world.settings.model_copy(update={"finish": 3.0})
    gate = asyncio.Event()
    world.site.block("/1", gate, ["a"])
    await world.config.put(world.configuration())
    async with asyncio.TaskGroup() as group, world.scraper():

        async def at_work() -> bool:
            return world.site.visits == ["/1"]

        await until(at_work)
        group.create_task(open_when_told(gate))
    assert [run.outcome for run in world.datasource.ends] == ["complete"]
    assert world.config.released == ["scraper-1"]


async def open_when_told(gate: asyncio.Event) -> None:
    """Open the gate once the stop is under way, which the task's turn comes after."""
    await asyncio.sleep(0)
    gate.set()


async def test_stopping_cuts_a_run_that_takes_too_long_and_the_next_scraper_begins_it_again(
    world: World, until: Until
) -> None:
    never = asyncio.Event()
    world.site.show("/1", ["a"], "/2")
    world.site.block("/2", never)
    await world.config.put(world.configuration())
    async with world.scraper():

        async def half_done() -> bool:
            return bool(world.datasource.batches)

        await until(half_done)
    (cut,) = world.datasource.ends
    assert (cut.outcome, cut.pages) == ("cut", 1)
    assert world.config.released == ["scraper-1"]
    world.site.show("/2", ["b"])
    async with world.scraper():
        runs = await until(ends(world, 2))
    assert (runs[1].outcome, runs[1].items, runs[1].unchanged_items) == ("complete", 1, 1)


@pytest.mark.usefixtures("dropped_sockets")
async def test_scraping_goes_on_while_redis_is_away(
    world: World, until: Until, free_port: Callable[[], int]
) -> None:
    world.site.show("/1", ["a"])
    await world.config.put(world.configuration(ttl=1))
    nobody = RedisSettings(url=SecretStr(f"redis://127.0.0.1:{free_port()}"))
    async with redis_storage.connect(nobody) as world.redis, world.scraper() as url:
        await until(ends(world, 2))
        ready = await world.get(f"{url}/ready")
        assert not ready["ready"]
        assert ready["checks"]["redis"].startswith("Redis does not answer")
        started = await world.get(f"{url}/v1/scraper/start")
        assert started["runs"][0]["outcome"] == "complete"
