"""Runs end, and what they did not see goes, or stays."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from scrapr.model.batch import ReducedRun, Reduction


class DoneRun(ReducedRun):
    """A run that waits for nothing more."""

    reduction: Reduction


def items(*titles: str) -> list[dict[str, Any]]:
    return [{"title": title} for title in titles]


async def run(
    datasource: Any, until: Any, name: str, *titles: str, configuration: str | None = "x", **parts: Any
) -> DoneRun:
    """A run of one page with an item for each of `titles`, sent, ended and reduced."""
    if titles:
        await datasource.send("c", *items(*titles), run=name, configuration=configuration)
    pages = {"pages": min(1, len(titles)), "items": len(titles), **parts}
    await datasource.end("c", name, configuration=configuration, **pages)
    await until(datasource.reduced)
    runs = await datasource.client.runs(limit=100)
    found = next(each for each in runs if each.run == name)
    return DoneRun.model_validate(found, from_attributes=True)


async def keys(datasource: Any) -> list[str]:
    return list(await datasource.values("c"))


async def test_what_a_complete_run_did_not_see_is_removed_with_a_change(datasource: Any, until: Any) -> None:
    await run(datasource, until, "r1", "a", "b", "c", "d")
    told = await run(datasource, until, "r2", "a", "c", "e")
    assert await keys(datasource) == ["a", "c", "e"]
    assert (told.reduction.created, told.reduction.removed, told.reduction.kept) == (1, 2, None)
    removals = [change for change in await datasource.changes("c") if change.op == "remove"]
    assert [(each.key, each.before, each.after, each.run) for each in removals] == [
        ("b", {"title": "b"}, None, "r2"),
        ("d", {"title": "d"}, None, "r2"),
    ]
    (collection,) = await datasource.client.collections()
    assert (collection.records, collection.version) == (3, 7)


async def test_a_run_is_logged_with_what_all_of_it_did(start: Any, until: Any) -> None:
    datasource = await start(reconcile=3600, gather_items=2)
    await run(datasource, until, "r1", *"abcdefgh")
    with capture_logs() as logs:
        await run(datasource, until, "r2", *"abcdi")
    (line,) = [line for line in logs if line["event"] == "run"]
    assert (line["run"], line["created"], line["updated"], line["removed"]) == ("r2", 1, 0, 4)
    assert (line["log_level"], line["version"]) == ("info", 13)


async def test_what_comes_back_is_created_anew(datasource: Any, until: Any) -> None:
    await run(datasource, until, "r1", "a", "b")
    await run(datasource, until, "r2", "a")
    await run(datasource, until, "r3", "a", "b")
    assert await keys(datasource) == ["a", "b"]
    assert [each.op for each in await datasource.changes("c") if each.key == "b"] == [
        "create",
        "remove",
        "create",
    ]


@pytest.mark.parametrize("outcome", ["cut", "empty", "failed"])
async def test_after_any_other_run_nothing_is_removed(datasource: Any, until: Any, outcome: str) -> None:
    await run(datasource, until, "r1", "a", "b")
    told = await run(datasource, until, "r2", "a", outcome=outcome)
    assert told.reduction.kept == f"outcome {outcome}"
    assert await keys(datasource) == ["a", "b"]


async def test_a_complete_run_without_items_removes_nothing(datasource: Any, until: Any) -> None:
    await run(datasource, until, "r1", "a")
    assert (await run(datasource, until, "r2")).reduction.kept == "no items"
    assert await keys(datasource) == ["a"]


async def test_a_fall_of_more_than_half_removes_nothing_until_it_is_no_fall(
    datasource: Any, until: Any
) -> None:
    await run(datasource, until, "r1", "a", "b", "c", "d", "e")
    assert (await run(datasource, until, "r2", "a", "b")).reduction.kept == "a fall from 5 records to 2"
    assert len(await keys(datasource)) == 5
    assert (await run(datasource, until, "r3", "a", "b", "c")).reduction.removed == 2
    assert await keys(datasource) == ["a", "b", "c"]


async def test_a_source_with_all_new_items_is_no_fall(datasource: Any, until: Any) -> None:
    await run(datasource, until, "r1", "a", "b", "c")
    assert (await run(datasource, until, "r2", "d", "e", "f")).reduction.removed == 3
    assert await keys(datasource) == ["d", "e", "f"]


async def test_what_others_feed_too_stays_until_they_no_longer_see_it(datasource: Any, until: Any) -> None:
    await run(datasource, until, "x1", "a", "b", "c", configuration="x")
    await run(datasource, until, "y1", "b", "c", "d", configuration="y")
    assert (await run(datasource, until, "x2", "a", "c", configuration="x")).reduction.removed == 0
    assert await keys(datasource) == ["a", "b", "c", "d"]
    assert (await run(datasource, until, "y2", "c", "d", configuration="y")).reduction.removed == 1
    assert await keys(datasource) == ["a", "c", "d"]


async def test_what_somebody_posted_without_a_configuration_is_never_removed(
    datasource: Any, until: Any
) -> None:
    await datasource.send("c", *items("a", "b"))
    await run(datasource, until, "r1", "a", "c", "d")
    await run(datasource, until, "r2", "c", "d")
    assert (await run(datasource, until, "r3", "c", configuration=None)).reduction.kept == "no configuration"
    assert await keys(datasource) == ["a", "b", "c", "d"]


async def test_an_end_that_overtakes_its_pages_waits_for_them(datasource: Any, until: Any) -> None:
    await run(datasource, until, "r1", "a", "b", "c")
    await datasource.end("c", "r2", pages=3, items=3, configuration="x")
    for page, title in ((3, "e"), (1, "a")):
        await datasource.send("c", *items(title), run="r2", page=page, configuration="x")

    async def two_are_reduced() -> bool:
        return "e" in await keys(datasource)

    await until(two_are_reduced)
    assert await keys(datasource) == ["a", "b", "c", "e"]
    waiting = [each.run for each in await datasource.client.runs() if each.reduction is None]
    assert waiting == ["r2"]
    await datasource.send("c", *items("d"), run="r2", page=2, configuration="x")
    await until(datasource.reduced)
    assert await keys(datasource) == ["a", "e", "d"]


async def test_an_end_whose_pages_never_come_is_broken_in_the_end(start: Any, until: Any) -> None:
    datasource = await start(patience=0.5, reconcile=0.1)
    await run(datasource, until, "r1", "a", "b")
    told = await run(datasource, until, "r2", "a", pages=2)
    assert told.reduction.kept == "1 of 2 pages came"
    assert await keys(datasource) == ["a", "b"]


async def test_a_run_that_does_not_name_its_unchanged_pages_removes_nothing(
    datasource: Any, until: Any
) -> None:
    await run(datasource, until, "r1", "a", "b")
    told = await run(datasource, until, "r2", "a", unchanged_pages=1)
    assert told.reduction.kept == "not all unchanged pages were named"


async def send_pages(datasource: Any, until: Any, name: str, *pages: str, **unchanged: str) -> DoneRun:
    """A run of `pages`, as "P ab" for the items a and b at P; `unchanged` are sources with their runs."""
    count = 0
    for number, (source, _, titles) in enumerate((page.partition(" ") for page in pages), start=1):
        await datasource.send(
            "c", *items(*titles), run=name, page=number, configuration="x", source=f"http://site/{source}"
        )
        count += len(titles)
    named: dict[str, list[str]] = {}
    for source, past in unchanged.items():
        named.setdefault(past, []).append(f"http://site/{source}")
    parts: dict[str, Any] = {"items": count, "unchanged_pages": len(unchanged), "unchanged": named}
    return await run(datasource, until, name, pages=len(pages), **parts)


async def test_records_of_unchanged_pages_stay_and_others_go(datasource: Any, until: Any) -> None:
    await send_pages(datasource, until, "r1", "P abc", "Q de", "R f")
    told = await send_pages(datasource, until, "r2", "Q d", P="r1", R="r1")
    assert (told.reduction.removed, told.reduction.kept) == (1, None)
    assert await keys(datasource) == ["a", "b", "c", "d", "f"]
    told = await send_pages(datasource, until, "r3", "P ab", Q="r2", R="r1")
    assert told.reduction.removed == 1
    assert await keys(datasource) == ["a", "b", "d", "f"]


async def test_records_of_the_only_page_that_changed_go_though_it_has_nothing_any_more(
    datasource: Any, until: Any
) -> None:
    await send_pages(datasource, until, "r1", "P abc", "Q de")
    told = await send_pages(datasource, until, "r2", "Q ", P="r1")
    assert (told.items, told.reduction.removed, told.reduction.kept) == (0, 2, None)
    assert await keys(datasource) == ["a", "b", "c"]


async def test_what_stands_on_two_pages_goes_with_the_last(datasource: Any, until: Any) -> None:
    await send_pages(datasource, until, "r1", "P abz", "Q cdz")
    await send_pages(datasource, until, "r2", "Q cd", P="r1")
    assert await keys(datasource) == ["a", "b", "z", "c", "d"]
    await send_pages(datasource, until, "r3", "Q cdz", P="r1")
    await send_pages(datasource, until, "r4", "P ab", Q="r3")
    assert await keys(datasource) == ["a", "b", "z", "c", "d"]
    await send_pages(datasource, until, "r5", "Q cd", P="r4")
    assert await keys(datasource) == ["a", "b", "c", "d"]


async def test_a_run_of_unchanged_pages_alone_writes_nothing(datasource: Any, until: Any) -> None:
    await send_pages(datasource, until, "r1", "P abc")
    before = await datasource.changes("c")
    told = await send_pages(datasource, until, "r2", P="r1")
    assert (told.outcome, told.unchanged_pages, told.unchanged) == ("complete", 1, {})
    assert (told.reduction.removed, told.reduction.kept) == (0, "no page has changed")
    assert await datasource.changes("c") == before


async def test_a_fall_shows_though_other_pages_did_not_change(datasource: Any, until: Any) -> None:
    await send_pages(datasource, until, "r1", "P a", "Q bcdefg")
    told = await send_pages(datasource, until, "r2", "Q b", P="r1")
    assert told.reduction.kept == "a fall from 7 records to 2"
    assert len(await keys(datasource)) == 7


async def test_removals_beside_unchanged_pages_go_in_parts(start: Any, until: Any) -> None:
    datasource = await start(gather_items=2, reconcile=3600)
    await send_pages(datasource, until, "r1", "P abcdef", "Q ghijk")
    told = await send_pages(datasource, until, "r2", "Q g", P="r1")
    assert told.reduction.removed == 4
    assert await keys(datasource) == list("abcdefg")


async def test_many_removals_go_in_parts(start: Any, until: Any) -> None:
    datasource = await start(gather_items=2, reconcile=3600)
    titles = [f"t{number:02}" for number in range(20)]
    await run(datasource, until, "r1", *titles)
    assert (await run(datasource, until, "r2", *titles[:11])).reduction.removed == 9
    assert await keys(datasource) == titles[:11]
    assert [change.key for change in (await datasource.changes("c"))[20:]] == titles[11:]


async def test_an_end_sent_twice_is_reduced_once(datasource: Any, until: Any) -> None:
    told = await run(datasource, until, "r1", "a")
    again = await datasource.end("c", "r1", pages=1, items=1, configuration="x", outcome="cut")
    assert again.duplicate
    runs = await datasource.client.runs()
    assert [each.model_dump() for each in runs] == [told.model_dump()]


async def test_a_batch_alone_is_a_run_of_one_page(datasource: Any, until: Any) -> None:
    with capture_logs() as logs:
        receipt = await datasource.send("hand", {"title": "a"}, {"title": "b"}, {"notitle": 1})

        async def logged() -> list[Any]:
            return [line for line in logs if line["event"] == "run"]

        (line,) = await until(logged)
    assert (line["run"], line["created"], line["unkeyed"]) == (receipt.run, 2, 1)
    (found,) = (await datasource.ask("GET", "/v1/runs?collection=hand"))[1]["runs"]
    assert (found["run"], found["configuration"], found["outcome"]) == (receipt.run, None, "complete")
    assert (found["state"], found["pages"], found["items"]) == ("healthy", 1, 3)
    told = found["reduction"]
    assert (told["created"], told["updated"], told["removed"], told["unkeyed"]) == (2, 0, 0, 1)


async def test_runs_are_told_newest_first_and_by_configuration_and_collection(
    datasource: Any, until: Any
) -> None:
    matches = {"$x .a": 2, "a.b": 0}
    for number, configuration in enumerate("xyx"):
        started = f"2026-01-02T03:04:0{number}Z"
        await run(
            datasource,
            until,
            f"r{number}",
            "a",
            configuration=configuration,
            started_at=started,
            matches=matches,
        )
    assert [each.run for each in await datasource.client.runs()] == ["r2", "r1", "r0"]
    assert [each.run for each in await datasource.client.runs(configuration="x", limit=1)] == ["r2"]
    assert (await datasource.client.runs())[0].matches == matches
    assert (await datasource.ask("GET", "/v1/runs?collection=other"))[1] == {"runs": []}


async def test_removal_looks_at_what_went_and_not_at_the_collection(datasource: Any, until: Any) -> None:
    await run(datasource, until, "r1", *(f"t{number}" for number in range(200)))
    await datasource.database.command("profile", 2)
    await run(datasource, until, "r2", *(f"t{number}" for number in range(195)))
    await datasource.database.command("profile", 0)
    query = {"ns": f"{datasource.database.name}.records", "command.filter.feeds": {"$exists": True}}
    (looked,) = await datasource.database["system.profile"].find(query).to_list()
    assert (looked["nreturned"], looked["docsExamined"]) == (5, 5)


async def test_a_run_far_below_those_before_is_degraded_and_names_the_selector(
    datasource: Any, until: Any
) -> None:
    titles = [f"t{number}" for number in range(10)]
    good: dict[str, Any] = {"fill": {"title": 1.0, "price": 0.9}, "matches": {"price": 9}, "revision": 1}
    states = [(await run(datasource, until, f"r{n}", *titles, **good)).state for n in range(3)]
    assert states == ["healthy"] * 3
    dead: dict[str, Any] = {"fill": {"title": 1.0, "price": 0.0}, "matches": {"price": 0}, "revision": 1}
    told = await run(datasource, until, "r3", *titles, **dead, started_at="2026-01-02T03:05:01Z")
    assert told.state == "degraded"
    assert told.reason == (
        "price is filled in 0% of the items, usually in 90%: its selector matches nothing any more"
    )
    # As long as no page changes, nothing is read that could tell that it lives again.
    same: dict[str, Any] = {"items": 0, "unchanged_pages": 1, "unchanged_items": 10, "revision": 1}
    for seconds in (2, 3):
        moment = f"2026-01-02T03:05:0{seconds}Z"
        again = await run(datasource, until, f"r3-{seconds}", **same, started_at=moment)
        assert (again.state, again.reason) == ("degraded", told.reason)
    few = await run(datasource, until, "r4", *titles[:4], **good)
    assert (few.state, few.reason) == ("degraded", "4 items, usually 10")
    changed = await run(datasource, until, "r5", *titles, **{**dead, "revision": 2})
    assert (changed.state, changed.reason) == ("healthy", None)
    failed = await run(datasource, until, "r6", outcome="failed", error="status 500", revision=1)
    assert (failed.state, failed.reason) == ("broken", "status 500")
