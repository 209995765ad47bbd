"""Pages that did not change cost no reading and no batch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from scrapr.model.batch import Run
from scrapr.roles.scraper.memory import Known
from tests.conftest import Until
from tests.process.scraper.peers import World


@asynccontextmanager
async def scraping(world: World, until: Until, **changes: Any) -> AsyncIterator[Any]:
    """A function that runs the configuration once more; how that ended, as the datasource heard."""
    await world.config.put(world.configuration(**changes))
    async with world.scraper() as url:

        async def first() -> list[Run]:
            return world.datasource.ends

        await until(first)

        async def again() -> Run:
            known = len(world.datasource.ends)

            async def ended() -> list[Run]:
                # The first time this may still be the run before, which is told of and not yet over.
                await world.get(f"{url}/v1/scraper/start", configuration="c1")
                return world.datasource.ends[known:]

            return (await until(ended))[0]

        yield again


def show_three(world: World) -> None:
    world.site.show("/1", ["a", "b"], "/2")
    world.site.show("/2", ["c"], "/3")
    world.site.show("/3", ["d"])


@pytest.mark.parametrize("tags", [True, False])
async def test_a_second_run_of_the_same_pages_sends_nothing(
    world: World, until: Until, *, tags: bool
) -> None:
    world.site.tags = tags
    show_three(world)
    async with scraping(world, until) as again:
        first = world.datasource.ends[0]
        assert (first.pages, first.unchanged_pages, first.unchanged) == (3, 0, {})
        world.site.visits.clear()
        second = await again()
        third = await again()
    for run in (second, third):
        assert (run.outcome, run.error) == ("complete", None)
        assert (run.pages, run.items, run.unchanged_pages, run.unchanged_items) == (0, 0, 3, 4)
        assert run.unchanged == {first.run: tuple(f"{world.site.url}/{n}" for n in (1, 2, 3))}
        assert run.wasted_pages == 0
        assert (run.bytes == 0) == tags
    assert sorted(world.site.visits) == ["/1", "/1", "/2", "/2", "/3", "/3"]
    assert len(world.datasource.batches) == 3


async def test_only_the_page_that_changed_is_sent(world: World, until: Until) -> None:
    world.site.tags = True
    show_three(world)
    async with scraping(world, until) as again:
        first = world.datasource.ends[0]
        world.site.show("/2", ["changed"], "/3")
        second = await again()
        third = await again()
    assert (second.pages, second.unchanged_pages) == (1, 2)
    assert [item["title"] for item in world.datasource.batches[second.run, 1].data] == ["changed"]
    assert second.unchanged == {first.run: tuple(f"{world.site.url}/{n}" for n in (1, 3))}
    assert third.unchanged[second.run] == (f"{world.site.url}/2",)
    assert third.unchanged_pages == 3


async def test_a_page_that_lost_all_its_items_beside_unchanged_ones_is_sent_once(
    world: World, until: Until
) -> None:
    show_three(world)
    async with scraping(world, until) as again:
        world.site.show("/2", [], "/3")
        second = await again()
        third = await again()
    assert (second.outcome, second.pages, second.items, second.unchanged_pages) == ("complete", 1, 0, 2)
    sent = world.datasource.batches[second.run, 1]
    assert (sent.data, sent.source) == ([], f"{world.site.url}/2")
    assert (third.pages, third.unchanged_pages) == (0, 3)


async def test_what_changed_in_a_run_that_was_cut_is_read_and_sent_again(world: World, until: Until) -> None:
    show_three(world)
    async with scraping(world, until) as again:
        world.site.show("/1", ["a"], "/2")
        world.site.fail("/2", 404)
        cut = await again()
        world.site.show("/2", ["c"], "/3")
        whole = await again()
    assert (cut.outcome, cut.pages) == ("cut", 1)
    assert (whole.outcome, whole.pages, whole.unchanged_pages) == ("complete", 1, 2)
    assert [item["title"] for item in world.datasource.batches[whole.run, 1].data] == ["a"]


async def test_pages_whose_items_the_datasource_lacks_are_read_again_at_once(
    world: World, until: Until
) -> None:
    show_three(world)
    async with scraping(world, until) as again:
        world.datasource.lacks.add(world.datasource.ends[0].run)
        second = await again()
        third = await again()
    assert (second.pages, second.items, second.unchanged_pages) == (3, 4, 0)
    assert (third.pages, third.unchanged) == (
        0,
        {second.run: tuple(f"{world.site.url}/{n}" for n in (1, 2, 3))},
    )


async def test_a_changed_next_link_is_followed(world: World, until: Until) -> None:
    show_three(world)
    async with scraping(world, until) as again:
        world.site.show("/1", ["a", "b"], "/new")
        world.site.show("/new", ["n"], "/3")
        second = await again()
    assert (second.outcome, second.pages, second.unchanged_pages) == ("complete", 2, 1)
    assert second.error is None


async def test_a_new_revision_reads_everything_again(world: World, until: Until) -> None:
    show_three(world)
    async with scraping(world, until):
        await world.config.put(world.configuration(revision=2))

        async def second() -> bool:
            return len(world.datasource.ends) == 2

        await until(second)
    assert (world.datasource.ends[1].pages, world.datasource.ends[1].unchanged_pages) == (3, 0)


async def test_another_scraper_knows_the_pages_too(world: World, until: Until) -> None:
    show_three(world)
    async with scraping(world, until):
        pass
    async with world.scraper("scraper-2") as url:

        async def held() -> bool:
            return bool((await world.get(f"{url}/v1/configurations"))["configurations"])

        await until(held)
        await world.get(f"{url}/v1/scraper/start", configuration="c1", wait=5)
    assert world.datasource.ends[-1].unchanged_pages == 3


async def test_after_a_run_that_was_killed_everything_is_read_again(world: World, until: Until) -> None:
    show_three(world)
    async with scraping(world, until) as again:
        name = next(iter(await world.redis.keys("scrapr:scraper:pages:*")))
        await world.redis.hset(name, "", "of a run that never ended")
        assert (await again()).unchanged_pages == 0
        assert (await again()).unchanged_pages == 3


async def test_what_is_too_old_is_read_again(world: World, until: Until) -> None:
    world.settings = world.settings.model_copy(update={"refresh": 0})
    show_three(world)
    async with scraping(world, until, ttl=1) as again:
        assert (await again()).unchanged_pages == 3

        async def read_again() -> bool:
            return any(run.pages for run in world.datasource.ends[1:])

        await until(read_again)


async def test_pages_with_links_to_follow_are_always_read(world: World, until: Until) -> None:
    world.site.show("/1", ["<a href=/a>a</a>"])
    world.site.show("/a", ["A"])
    scraper = {
        "source": f"{world.site.url}/1",
        "scope": "li.thing",
        "selector": [{"title": "h3", "detail": {"$follow": "a@href", "$select": {"text": "p"}}}],
    }
    async with scraping(world, until, scraper=scraper) as again:
        world.site.show("/a", ["changed"])
        second = await again()
    assert (second.items, second.unchanged_pages) == (1, 0)
    [item] = world.datasource.batches[second.run, 1].data
    assert isinstance(item["detail"], dict)
    assert "changed" in str(item["detail"]["text"])


async def test_an_unchanged_empty_site_stays_empty(world: World, until: Until) -> None:
    world.site.show("/1", [])
    async with scraping(world, until) as again:
        run = await again()
    assert (run.outcome, run.unchanged_pages) == ("empty", 1)


async def test_a_fault_of_ours_fails_its_run_and_the_scraper_goes_on(
    world: World, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    show_three(world)
    with monkeypatch.context() as broken:
        broken.delattr(Known, "encode")
        async with scraping(world, until) as again:
            await again()
            broken.undo()
            run = await again()
    assert (run.outcome, run.pages, run.unchanged_pages) == ("complete", 3, 0)


async def test_pages_that_cannot_be_remembered_are_scraped_all_the_same(world: World, until: Until) -> None:
    world.settings = world.settings.model_copy(update={"remembered": 0})
    show_three(world)
    async with scraping(world, until) as again:
        run = await again()
    assert (run.pages, run.unchanged_pages) == (3, 0)
