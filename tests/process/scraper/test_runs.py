"""How a run goes, by what the site does."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from scrapr.fetching.settings import FetchSettings
from scrapr.model.batch import Run
from scrapr.model.configuration import Scraper
from tests.conftest import Until
from tests.process.scraper.peers import POLITE_ENOUGH, World


async def run_once(world: World, until: Until, **changes: Any) -> Run:
    """Let a scraper run one configuration; how that ended, as the datasource heard."""
    await world.config.put(world.configuration(**changes))
    async with world.scraper():

        async def ended() -> list[Run]:
            return world.datasource.ends

        return (await until(ended))[0]


async def test_pages_are_handed_over_in_order_and_the_run_says_what_it_did(
    world: World, until: Until
) -> None:
    world.site.show("/1", ["a", "b"], "/2")
    world.site.show("/2", ["c"], "/3")
    world.site.show("/3", ["d"])
    run = await run_once(world, until, key=["title", "text"], collect={"text": "texts"})
    assert (run.outcome, run.pages, run.items, run.error) == ("complete", 3, 4, None)
    assert run.bytes > 0
    assert run.matches["scope"] == 4
    assert [page for _, page in sorted(world.datasource.batches)] == [1, 2, 3]
    assert world.datasource.titles() == ["a", "b", "c", "d"]
    batch = world.datasource.batches[run.run, 2]
    assert (batch.configuration, batch.collection, batch.epoch) == ("c1", "things", 1)
    assert (batch.key, batch.collect) == (("title", "text"), {"text": "texts"})
    assert batch.source == f"{world.site.url}/2"


async def test_a_run_says_how_well_each_field_is_filled(world: World, until: Until) -> None:
    world.site.show("/1", ["1", "2", "three"])
    selector = [{"title": "h3", "number": "h3 | number", "gone": "h6"}]
    scraper = {"source": f"{world.site.url}/1", "scope": "li.thing", "selector": selector}
    run = await run_once(world, until, scraper=scraper, revision=5)
    assert run.fill == {"title": 1.0, "number": 0.6667, "gone": 0.0}
    assert (run.unconverted["number"], run.matches["gone"], run.revision) == (1, 0, 5)


async def test_a_run_stops_at_its_limit(world: World, until: Until) -> None:
    for page in range(1, 6):
        world.site.show(f"/{page}", [f"t{page}"], f"/{page + 1}")
    source = world.configuration().scraper
    assert source is not None
    run = await run_once(world, until, scraper=source.model_copy(update={"limit": 2}))
    assert (run.outcome, run.pages) == ("complete", 2)
    assert world.site.visits == ["/1", "/2"]


async def test_the_settings_limit_cuts_a_run(world: World, until: Until) -> None:
    world.settings = world.settings.model_copy(update={"pages": 2})
    for page in range(1, 6):
        world.site.show(f"/{page}", [f"t{page}"], f"/{page + 1}")
    run = await run_once(world, until)
    assert (run.outcome, run.pages) == ("cut", 2)
    assert run.error is not None
    assert "2 pages" in run.error


async def test_a_next_link_seen_before_ends_the_run(world: World, until: Until) -> None:
    world.site.show("/1", ["a"], "/2")
    world.site.show("/2", ["b"], "/1#top")
    run = await run_once(world, until)
    assert (run.outcome, run.pages) == ("complete", 2)
    assert world.site.visits == ["/1", "/2"]


async def test_a_next_link_that_redirects_to_a_page_seen_before_ends_the_run(
    world: World, until: Until
) -> None:
    async def back() -> web.StreamResponse:
        raise web.HTTPFound("/1")

    world.site.show("/1", ["a"], "/last")
    world.site.pages["/last"] = back
    run = await run_once(world, until)
    assert (run.outcome, run.pages, run.items) == ("complete", 1, 1)


async def test_pages_without_items_take_no_number(world: World, until: Until) -> None:
    world.site.show("/1", ["a"], "/2")
    world.site.show("/2", [], "/3")
    world.site.show("/3", ["c"])
    run = await run_once(world, until)
    assert (run.outcome, run.pages, run.items) == ("complete", 2, 2)
    assert [page for _, page in sorted(world.datasource.batches)] == [1, 2]


async def test_pages_before_a_failing_one_are_kept(world: World, until: Until) -> None:
    world.site.show("/1", ["a", "b"], "/2")
    world.site.fail("/2", 500)
    run = await run_once(world, until)
    assert (run.outcome, run.pages, run.items) == ("cut", 1, 2)
    assert run.error is not None
    assert "500" in run.error
    assert "/2" in run.error
    assert world.datasource.titles() == ["a", "b"]


async def test_a_source_that_answers_500_is_a_failed_run(world: World, until: Until) -> None:
    world.site.fail("/1", 500)
    run = await run_once(world, until)
    assert (run.outcome, run.pages) == ("failed", 0)
    assert run.error is not None
    assert "500" in run.error


async def test_a_failed_run_says_how_often_it_tried_and_what_it_waited_for(
    world: World, until: Until
) -> None:
    world.site.fail("/1", 500)
    run = await run_once(world, until, fetch={"retries": 2, "backoff_first": 0.2})
    assert (run.outcome, run.retries, list(run.waited)) == ("failed", 2, ["backoff"])


async def test_a_source_that_is_down_is_a_failed_run(world: World, until: Until) -> None:
    down = Scraper(source="http://127.0.0.1:9/", selector={"title": "h3"})
    run = await run_once(world, until, scraper=down)
    assert run.outcome == "failed"
    assert run.error is not None
    assert "no connection" in run.error


async def test_a_source_that_is_not_html_is_a_failed_run(world: World, until: Until) -> None:
    async def picture() -> web.StreamResponse:
        return web.Response(body=b"\x89PNG\r\n\x1a\n" + bytes(100), content_type="image/png")

    world.site.pages["/1"] = picture
    run = await run_once(world, until)
    assert run.outcome == "failed"
    assert run.error is not None
    assert "image/png" in run.error


async def test_a_source_on_a_private_address_is_a_failed_run(world: World, until: Until) -> None:
    world.fetch = FetchSettings(**POLITE_ENOUGH.model_dump() | {"allow": ()})
    world.site.show("/1", ["a"])
    run = await run_once(world, until)
    assert run.outcome == "failed"
    assert run.error is not None
    assert "loopback" in run.error
    assert world.site.visits == []


async def test_no_match_is_an_empty_run_that_names_the_selector(world: World, until: Until) -> None:
    world.site.show("/1", [])
    run = await run_once(world, until)
    assert (run.outcome, run.pages, run.items) == ("empty", 0, 0)
    assert run.error == "No items: scope matched nothing on the page"
    assert world.datasource.batches == {}


async def test_a_selector_that_cannot_be_parsed_any_more_is_a_failed_run(world: World, until: Until) -> None:
    broken = Scraper(source=f"{world.site.url}/1", selector={"title": "h3["})
    run = await run_once(world, until, scraper=broken)
    assert run.outcome == "failed"
    assert run.error is not None
    assert "title" in run.error


async def test_a_long_page_is_extracted_whole(world: World, until: Until) -> None:
    world.settings = world.settings.model_copy(update={"inline": 100})
    titles = [f"t{n}" for n in range(3000)]
    world.site.show("/1", titles)
    run = await run_once(world, until)
    assert (run.outcome, run.pages, run.items) == ("complete", 1, 3000)
    assert world.datasource.titles() == titles


async def test_the_next_page_is_fetched_while_the_last_is_handed_over(world: World, until: Until) -> None:
    world.datasource.gate.clear()
    for page in range(1, 4):
        world.site.show(f"/{page}", [f"t{page}"], f"/{page + 1}")
    world.site.show("/4", ["t4"])
    await world.config.put(world.configuration())
    async with world.scraper():

        async def all_visited() -> bool:
            return len(world.site.visits) == 4

        await until(all_visited)
        assert world.datasource.batches == {}
        world.datasource.gate.set()

        async def ended() -> bool:
            return bool(world.datasource.ends)

        await until(ended)
    assert world.datasource.titles() == ["t1", "t2", "t3", "t4"]


async def test_pages_that_wait_for_the_datasource_travel_together(world: World, until: Until) -> None:
    world.datasource.gate.clear()
    for page in range(1, 5):
        world.site.show(f"/{page}", [f"t{page}"], f"/{page + 1}")
    world.site.show("/5", ["t5"])
    await world.config.put(world.configuration())
    async with world.scraper():

        async def all_visited() -> bool:
            return len(world.site.visits) == 5

        await until(all_visited)
        world.datasource.gate.set()

        async def ended() -> bool:
            return bool(world.datasource.ends)

        await until(ended)
    assert sum(world.datasource.companies) >= 3
    assert world.datasource.titles() == ["t1", "t2", "t3", "t4", "t5"]
    assert world.datasource.ends[0].pages == 5


async def test_what_one_page_is_refused_for_does_not_hold_those_before_it(world: World, until: Until) -> None:
    world.datasource.gate.clear()
    world.datasource.most_items = 1
    world.site.show("/1", ["t1"], "/2")
    world.site.show("/2", ["t2"], "/3")
    world.site.show("/3", ["t3", "t4"])
    await world.config.put(world.configuration())
    async with world.scraper():

        async def all_visited() -> bool:
            return len(world.site.visits) == 3

        await until(all_visited)
        world.datasource.gate.set()

        async def ended() -> bool:
            return bool(world.datasource.ends)

        await until(ended)
    assert world.datasource.titles() == ["t1", "t2", "t3", "t4"]
    assert [page for _, page in sorted(world.datasource.batches)] == [1, 2, 3, 4]


async def test_a_run_waits_when_the_datasource_falls_behind(world: World, until: Until) -> None:
    world.settings = world.settings.model_copy(update={"buffer": 2})
    world.datasource.gate.clear()
    for page in range(1, 20):
        world.site.show(f"/{page}", [f"t{page}"], f"/{page + 1}")
    world.site.show("/20", ["t20"])
    await world.config.put(world.configuration())
    async with world.scraper() as url:

        async def waits() -> bool:
            return len(world.site.visits) == 4

        await until(waits)
        for _ in range(20):
            await world.get(f"{url}/ping")
        # One batch on its way, two in the buffer, one that waits for room.
        assert len(world.site.visits) == 4
        world.datasource.gate.set()

        async def ended() -> bool:
            return bool(world.datasource.ends)

        await until(ended)
    assert len(world.datasource.titles()) == 20


async def test_a_batch_that_is_too_large_is_handed_over_in_parts(world: World, until: Until) -> None:
    world.datasource.most_items = 3
    titles = [f"t{n}" for n in range(10)]
    world.site.show("/1", titles)
    run = await run_once(world, until)
    assert (run.outcome, run.items) == ("complete", 10)
    assert world.datasource.titles() == titles
    assert sorted(world.datasource.batches) == [(run.run, page) for page in range(1, run.pages + 1)]


async def test_an_item_that_is_too_large_cuts_the_run(world: World, until: Until) -> None:
    world.datasource.most_items = 0
    world.site.show("/1", ["a", "b"])
    run = await run_once(world, until)
    assert (run.outcome, run.pages) == ("failed", 0)
    assert run.error is not None
    assert "refused" in run.error


def linking(world: World, **changes: object) -> Scraper:
    """Selectors that follow each thing's link to its own page, and from there to its maker's."""
    maker = {"$follow": "a.maker@href", "$select": "h3"}
    detail = {"$follow": "h3 a@href", "$select": {"text": "p", "maker": maker}}
    selector = [{"title": "h3", "detail": detail}]
    return Scraper(source=f"{world.site.url}/1", scope="li.thing", selector=selector).model_copy(
        update=changes
    )


async def test_links_are_followed_and_each_page_is_fetched_once(world: World, until: Until) -> None:
    world.site.show("/1", ["<a href=/a>a</a>", "<a href=/b>b</a>", "<a href=/a>again</a>"])
    world.site.show("/a", ["A <a class=maker href=/maker>m</a>"])
    world.site.show("/b", ["B <a class=maker href=/maker>m</a>"])
    world.site.show("/maker", ["Maker"])
    run = await run_once(world, until, scraper=linking(world))
    assert (run.outcome, run.items, run.error) == ("complete", 3, None)
    items: Any = world.datasource.batches[run.run, 1].data
    assert [item["detail"]["maker"] for item in items] == ["Maker"] * 3
    assert sorted(world.site.visits) == ["/1", "/a", "/b", "/maker", "/maker"]


async def test_a_followed_page_that_is_gone_leaves_its_part_empty_and_is_told(
    world: World, until: Until
) -> None:
    world.site.show("/1", ["<a href=/a>a</a>", "<a href=/gone>b</a>"])
    world.site.show("/a", ["A"])
    run = await run_once(world, until, scraper=linking(world))
    assert (run.outcome, run.items) == ("complete", 2)
    assert run.error is not None
    assert "/gone" in run.error
    items: Any = world.datasource.batches[run.run, 1].data
    first, second = items
    assert "text" in first["detail"]
    assert not second.get("detail", {}).get("text")


async def test_a_link_to_a_private_address_is_not_followed_and_its_part_stays_empty(
    world: World, until: Until
) -> None:
    # The guard refuses it before anything is connected.
    world.site.show("/1", ["<a href=http://169.254.169.254/latest/meta-data>a</a>"])
    run = await run_once(world, until, scraper=linking(world))
    assert run.items == 1
    assert run.error is not None
    assert "169.254.169.254" in run.error
    items: Any = world.datasource.batches[run.run, 1].data
    assert not items[0].get("detail", {}).get("text")


async def test_a_followed_page_that_may_come_back_fails_the_page(world: World, until: Until) -> None:
    world.site.show("/1", ["<a href=/a>a</a>"])
    world.site.fail("/a", 503)
    run = await run_once(world, until, scraper=linking(world))
    assert (run.outcome, run.items) == ("failed", 0)
    assert run.error is not None
    assert "/a" in run.error


async def test_a_page_with_too_many_links_to_follow_fails(world: World, until: Until) -> None:
    world.settings = world.settings.model_copy(update={"follows": 2})
    world.site.show("/1", [f"<a href=/{n}x>a</a>" for n in range(3)])
    run = await run_once(world, until, scraper=linking(world))
    assert run.outcome == "failed"
    assert run.error is not None
    assert "allowed: 2" in run.error
    assert world.site.visits == ["/1"]


async def test_a_configuration_changes_how_its_own_pages_are_asked_for(world: World, until: Until) -> None:
    world.site.show("/1", ["<a href=/a>a</a>"])
    world.site.show("/a", ["A"])
    run = await run_once(world, until, scraper=linking(world), fetch={"user_agent": "Other/2.0"})
    assert run.outcome == "complete"
    assert world.site.agents == {"Other/2.0"}


async def test_a_hostile_page_fails_its_run_by_name_and_the_scraper_goes_on(
    world: World, until: Until
) -> None:
    world.settings = world.settings.model_copy(update={"cell_seconds": 1.0, "inline": 100_000_000})

    async def hostile() -> web.StreamResponse:
        return web.Response(text="<div>" * 200_000, content_type="text/html")

    world.site.pages["/hostile"] = hostile
    world.site.show("/1", ["a"], "/hostile")
    run = await run_once(world, until)
    assert (run.outcome, run.pages, run.items) == ("cut", 1, 1)
    assert run.error == f"{world.site.url}/hostile: hostile-page: took more than 1 s (200000 tags)"
