"""A collection as it was, the changes that are kept, and those that are no longer."""

from __future__ import annotations

import random
from typing import Any

import pytest

from scrapr.model.change import apply
from scrapr.model.errors import Expired, Invalid, NotFound
from scrapr.model.times import now
from scrapr.roles.datasource.retention import Retention


async def live(datasource: Any, until: Any, seed: int) -> None:
    """Give a collection a past: records come, change, lose and win fields, go and come again."""
    dice = random.Random(seed)
    for run in range(12):
        titles = dice.sample("abcdefgh", dice.randint(4, 8))
        items = [{"title": title, dice.choice("xyz"): dice.randint(0, 3)} for title in titles]
        await datasource.send("c", *items, run=f"r{run}", configuration="k", epoch=1)
        await datasource.end("c", f"r{run}", pages=1, items=len(items), configuration="k", epoch=1)
        await until(datasource.reduced)


def play(changes: list[Any]) -> list[dict[str, Any]]:
    """The values by key as of each version, from nothing on."""
    states: list[dict[str, Any]] = [{}]
    for change in changes:
        state = dict(states[-1])
        if change.op == "remove":
            del state[change.key]
        else:
            state[change.key] = apply(state.get(change.key, {}), change)
        states.append(state)
    return states


async def read(datasource: Any, at: Any, limit: int = 1000) -> tuple[int, list[Any]]:
    page = await datasource.client.records_at("c", at, limit=limit)
    version, records = page.version, list(page.records)
    while page.next is not None:
        page = await datasource.client.records_at("c", version, after=page.next, limit=limit)
        assert page.version == version
        records += page.records
    return version, records


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_collection_is_told_as_it_was_at_each_version(datasource: Any, until: Any, seed: int) -> None:
    await live(datasource, until, seed)
    changes = await datasource.changes("c")
    assert {change.op for change in changes} == {"create", "update", "remove"}
    for version, state in enumerate(play(changes)):
        told, records = await read(datasource, version, limit=3)
        assert (told, {record.key: record.values for record in records}) == (version, state)
        assert [record.created for record in records] == sorted(record.created for record in records)
        for record in records:
            of_it = [change for change in changes[:version] if change.key == record.key]
            assert (record.version, record.changed_at) == (of_it[-1].version, of_it[-1].at)
    newest = (await datasource.client.records("c")).records
    assert (await read(datasource, len(changes)))[1] == list(newest)


async def test_a_time_means_the_version_of_then(datasource: Any, until: Any) -> None:
    await live(datasource, until, 3)
    changes = await datasource.changes("c")
    for change in changes:
        latest = max(each.version for each in changes if each.at <= change.at)
        assert (await read(datasource, change.at))[0] == latest
    assert (await read(datasource, now()))[0] == len(changes)
    assert await read(datasource, changes[0].at.replace(year=2020)) == (0, [])


async def test_what_changes_while_pages_are_read_is_not_seen(datasource: Any, until: Any) -> None:
    await datasource.send("c", *({"title": f"t{n}", "n": 0} for n in range(6)))
    await until(datasource.reduced)
    page = await datasource.client.records_at("c", now(), limit=3)
    await datasource.send("c", *({"title": f"t{n}", "n": 1} for n in range(9)))
    await until(datasource.reduced)
    rest = await datasource.client.records_at("c", page.version, after=page.next, limit=10)
    assert [record.values for record in (*page.records, *rest.records)] == [
        {"title": f"t{n}", "n": 0} for n in range(6)
    ]


async def test_a_bare_answer_names_the_version_of_its_next_pages(datasource: Any, until: Any) -> None:
    await datasource.send("c", *({"title": f"t{n}"} for n in range(3)))
    await until(datasource.reduced)
    moment = now().isoformat().replace("+00:00", "Z")
    async with datasource.http.get(f"{datasource.url}/collections/c?limit=2&at={moment}") as answer:
        assert answer.links["next"]["url"].query == {"limit": "2", "at": "3", "after": "2"}
        assert [record["title"] for record in await answer.json()] == ["t0", "t1"]


async def test_a_version_to_come_and_an_unknown_collection_are_refused(datasource: Any, until: Any) -> None:
    await datasource.send("c", {"title": "a"})
    await until(datasource.reduced)
    with pytest.raises(
        Invalid, match="at: version 2 is still to come; allowed: a version up to 1, or a time"
    ):
        await datasource.client.records_at("c", 2)
    with pytest.raises(NotFound):
        await datasource.client.records_at("d", 0)


async def test_expired_changes_are_told_by_the_oldest_version_that_is_kept(
    datasource: Any, until: Any
) -> None:
    await live(datasource, until, 4)
    changes = await datasource.changes("c")
    states, newest = play(changes), await datasource.client.records("c")
    edge = changes[len(changes) // 2].at
    gone = sum(change.at < edge for change in changes)
    retention = Retention(datasource.database, 3600)
    await retention.expire(edge)
    await retention.expire(edge)
    [collection] = await datasource.client.collections()
    assert (collection.oldest, collection.version) == (gone, len(changes))
    kept = await datasource.client.changes("c", since=gone)
    assert list(kept.changes) == changes[gone:]
    for since in (0, gone - 1):
        with pytest.raises(Expired, match=f"the oldest version to ask from is {gone};"):
            await datasource.client.changes("c", since=since)
    for at in (gone - 1, changes[0].at):
        with pytest.raises(Expired, match=f"the oldest version that can be asked for is {gone}"):
            await datasource.client.records_at("c", at)
    assert {record.key: record.values for record in (await read(datasource, gone))[1]} == states[gone]
    assert await datasource.client.records("c") == newest


async def test_a_record_outlives_its_history_and_the_collection_goes_on(datasource: Any, until: Any) -> None:
    await datasource.send("c", {"title": "a"})
    await until(datasource.reduced)
    await Retention(datasource.database, 3600).expire(now().replace(year=2100))
    status, history = await datasource.ask("GET", "/v1/collections/c/records/a/history")
    assert (status, history["changes"]) == (200, [])
    await datasource.send("c", {"title": "a", "n": 1})
    await until(datasource.reduced)
    assert [each.version for each in (await datasource.client.changes("c", since=1)).changes] == [2]
