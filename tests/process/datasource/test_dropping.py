"""A collection that is dropped is forgotten, and may begin anew."""

from __future__ import annotations

from typing import Any

import pytest

from scrapr.model import times
from scrapr.model.errors import Conflict, Expired, NotFound
from scrapr.model.rules import FieldRule

KINDS = ("records", "changes", "inbox", "runs", "quarantine")


async def fill(datasource: Any, until: Any, collection: str, run: str) -> None:
    rules = {"n": FieldRule(type="integer")}
    items = [{"title": "a", "n": 1}, {"title": "b", "n": 2}, {"title": "c", "n": "x"}]
    await datasource.send(collection, *items, run=run, configuration="k", fields=rules)
    await datasource.end(collection, run, pages=1, items=3, configuration="k")
    await until(datasource.reduced)


async def test_nothing_of_a_dropped_collection_stays_and_others_keep_all(datasource: Any, until: Any) -> None:
    await fill(datasource, until, "c", "r1")
    await fill(datasource, until, "other", "r2")
    counts = [await datasource.database[kind].count_documents({}) for kind in KINDS]
    await datasource.client.drop("c")
    assert [await datasource.database[kind].count_documents({}) for kind in KINDS] == [n // 2 for n in counts]
    assert [each.name for each in await datasource.client.collections()] == ["other"]
    for asked in (
        datasource.client.records("c"),
        datasource.client.changes("c", since=0),
        datasource.client.quarantine("c"),
        datasource.client.drop("c"),
        datasource.client.drop("never"),
    ):
        with pytest.raises(NotFound):
            await asked
    assert list(await datasource.values("other")) == ["a", "b"]


async def test_a_collection_that_begins_anew_goes_on_with_its_versions(datasource: Any, until: Any) -> None:
    await fill(datasource, until, "c", "r1")
    await datasource.client.drop("c")
    await fill(datasource, until, "c", "r2")
    page = await datasource.client.records("c")
    assert (page.version, [(record.key, record.created) for record in page.records]) == (
        5,
        [("a", 4), ("b", 5)],
    )
    # Whoever followed the old collection learns that it has to load the new one whole.
    for since in (0, 2):
        with pytest.raises(Expired):
            await datasource.client.changes("c", since=since)
    assert len((await datasource.client.changes("c", since=3)).changes) == 2
    await datasource.client.drop("c")
    with pytest.raises(NotFound):
        await datasource.client.records("c")


async def test_a_drop_that_was_cut_short_is_finished_before_anything_new_is_reduced(
    datasource: Any, until: Any
) -> None:
    await fill(datasource, until, "c", "r1")
    left = [each async for each in datasource.database["records"].find()]
    await datasource.client.drop("c")
    await datasource.database["records"].insert_many(left)
    await datasource.database["collections"].update_one({"_id": "c"}, {"$set": {"dropped.is_done": False}})
    await datasource.send("c", {"title": "a", "new": 1})
    await until(datasource.reduced)
    assert await datasource.values("c") == {"a": {"title": "a", "new": 1}}


async def test_who_listens_hears_that_a_collection_is_gone(datasource: Any, until: Any, listen: Any) -> None:
    await fill(datasource, until, "c", "r1")
    listener = listen(datasource, "c")
    await until(listener.joined)
    await datasource.client.drop("c")

    async def told() -> bool:
        return any(payload["latest"] == 3 for _, payload in listener.told)

    await until(told)


async def test_a_run_that_counts_on_pages_read_before_the_drop_is_refused(
    datasource: Any, until: Any
) -> None:
    pages = {"pages": 0, "items": 0, "unchanged_pages": 1, "unchanged_items": 3, "configuration": "k"}
    await fill(datasource, until, "c", "r1")
    await datasource.end("c", "r2", **pages, unchanged={"r1": ["https://example.org/1"]})
    await datasource.client.drop("c")
    with pytest.raises(Conflict, match="was dropped"):
        await datasource.end("c", "r3", **pages, unchanged={"r1": ["https://example.org/1"]})
    started = times.show(times.now())
    await datasource.send("c", {"title": "a"}, run="r4", configuration="k")
    await datasource.end("c", "r4", pages=1, items=1, configuration="k", started_at=started)
    await datasource.end("c", "r5", **pages, unchanged={"r4": ["https://example.org/1"]})
    with pytest.raises(Conflict, match="was dropped"):
        await datasource.end("c", "r6", **pages, unchanged={"r4": ["/1"], "r1": ["/2"]})
