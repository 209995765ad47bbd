"""Pages that are fetched before they are linked to."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from aiohttp import web

from tests.conftest import Until
from tests.process.scraper.peers import World, render
from tests.process.scraper.test_runs import run_once


@pytest.fixture(autouse=True)
def look_ahead(world: World) -> None:
    world.settings = world.settings.model_copy(update={"ahead": 8})


def show_many(world: World, pages: int) -> list[str]:
    for page in range(1, pages + 1):
        world.site.show(f"/{page}", [f"t{page}"], f"/{page + 1}" if page < pages else None)
    return [f"t{page}" for page in range(1, pages + 1)]


async def test_many_pages_are_in_flight_and_their_items_are_in_order(world: World, until: Until) -> None:
    world.fetch = world.fetch.model_copy(update={"per_host": 5})
    titles = show_many(world, 30)
    under_way, most = 0, 0
    five = asyncio.Event()

    def slowly(path: str, answer: web.Response) -> None:
        async def page() -> web.StreamResponse:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            if under_way == 5:
                five.set()
            # The first pages wait for company that is not yet to come.
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await five.wait()
            under_way -= 1
            return answer

        world.site.pages[path] = page

    for page in range(1, 31):
        slowly(f"/{page}", render([f"t{page}"], f"/{page + 1}" if page < 30 else None))
    run = await run_once(world, until)
    assert (run.outcome, run.pages, run.items, run.error) == ("complete", 30, 30, None)
    assert world.datasource.titles() == titles
    assert most == 5
    assert run.wasted_pages <= 4


async def test_pages_that_are_not_there_are_no_failure(world: World, until: Until) -> None:
    titles = show_many(world, 3)
    run = await run_once(world, until)
    assert (run.outcome, run.error) == ("complete", None)
    assert world.datasource.titles() == titles


async def test_nothing_beyond_the_limit_is_fetched(world: World, until: Until) -> None:
    show_many(world, 50)
    scraper = world.configuration().scraper
    assert scraper is not None
    run = await run_once(world, until, scraper=scraper.model_copy(update={"limit": 20}))
    assert (run.outcome, run.pages, run.wasted_pages) == ("complete", 20, 0)
    assert sorted(world.site.visits, key=lambda path: int(path[1:])) == [f"/{n}" for n in range(1, 21)]


async def test_only_what_is_linked_to_counts(world: World, until: Until) -> None:
    show_many(world, 30)
    world.site.show("/5", ["t5"], "/other")
    world.site.show("/other", ["o"])
    run = await run_once(world, until)
    assert (run.outcome, run.pages) == ("complete", 6)
    assert world.datasource.titles() == ["t1", "t2", "t3", "t4", "t5", "o"]
    assert run.wasted_pages > 0


async def test_after_wrong_guesses_there_are_no_more(world: World, until: Until) -> None:
    order = [1, 2, 30, 31, 60, 61, 90, 91, 120, 121, 150]
    for page, following in zip(order, [*order[1:], None], strict=True):
        world.site.show(f"/{page}", [f"t{page}"], None if following is None else f"/{following}")
    run = await run_once(world, until)
    assert world.datasource.titles() == [f"t{page}" for page in order]
    assert run.wasted_pages <= 4


async def test_a_page_that_was_not_there_yet_is_asked_for_again(world: World, until: Until) -> None:
    """As on a site that shows a page only after the one before it."""
    asked: set[str] = set()

    def after(before: str, path: str, answer: web.Response) -> None:
        async def page() -> web.StreamResponse:
            if before not in asked:
                raise web.HTTPNotFound
            await asyncio.sleep(0.01)
            asked.add(path)
            return answer

        world.site.pages[path] = page

    asked.add("/0")
    for page in range(1, 7):
        after(f"/{page - 1}", f"/{page}", render([f"t{page}"], f"/{page + 1}" if page < 6 else None))
    run = await run_once(world, until)
    assert (run.outcome, run.error) == ("complete", None)
    assert world.datasource.titles() == [f"t{page}" for page in range(1, 7)]


async def test_none_are_fetched_ahead_where_that_is_switched_off(world: World, until: Until) -> None:
    world.settings = world.settings.model_copy(update={"ahead": 0})
    show_many(world, 10)
    run = await run_once(world, until)
    assert world.site.visits == [f"/{n}" for n in range(1, 11)]
    assert run.wasted_pages == 0


async def test_a_failing_page_cuts_the_run_where_it_is(world: World, until: Until) -> None:
    show_many(world, 20)
    world.site.fail("/9", 500)
    run = await run_once(world, until)
    assert (run.outcome, run.pages) == ("cut", 8)
    assert run.error is not None
    assert "/9" in run.error
