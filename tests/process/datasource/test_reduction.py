"""Batches go in, records and changes come out."""

from __future__ import annotations

from typing import Any

from scrapr.model.change import Changes
from scrapr.model.times import show


async def test_the_body_of_the_thesis_becomes_records_in_the_shape_of_the_thesis(
    datasource: Any, until: Any
) -> None:
    data = [
        {"title": "Mesón Chuchi", "item": "Ctra de Vitoria, 2"},
        {"title": "Mesón Chuchi", "item": "Calle Mayor, 1"},
        {"title": "Asador", "item": "Calle Mayor, 1"},
    ]
    status, receipt = await datasource.ask("POST", "/items", json={"collection": "restaurants", "data": data})
    assert (status, receipt["ok"], receipt["accepted"], receipt["duplicate"]) == (200, True, 3, False)
    await until(datasource.reduced)
    record = (await datasource.client.records("restaurants")).records[0]
    assert (await datasource.ask("GET", "/collections"))[1] == ["restaurants"]
    assert (await datasource.ask("GET", "/collections/restaurants"))[1] == [
        {
            "title": "Mesón Chuchi",
            "items": ["Ctra de Vitoria, 2", "Calle Mayor, 1"],
            "timestamp": show(record.changed_at),
        },
        {"title": "Asador", "items": ["Calle Mayor, 1"], "timestamp": show(record.changed_at)},
    ]


async def test_a_batch_sent_twice_is_reduced_once(datasource: Any, until: Any) -> None:
    first = await datasource.send("c", {"title": "a", "n": 1}, run="r", page=1)
    await datasource.send("c", {"title": "a", "n": 2}, run="r", page=2)
    await until(datasource.reduced)
    again = await datasource.send("c", {"title": "a", "n": 1}, run="r", page=1)
    assert (first.duplicate, again.duplicate, again.accepted) == (False, True, 1)
    await datasource.send("c", {"title": "b"}, run="r", page=3)
    await until(datasource.reduced)
    assert await datasource.values("c") == {"a": {"title": "a", "n": 2}, "b": {"title": "b"}}
    assert len(await datasource.changes("c")) == 3


async def test_a_joined_client_is_told_of_each_change_in_order(
    datasource: Any, until: Any, listen: Any
) -> None:
    listener = listen(datasource, "c")
    await until(listener.joined)
    assert listener.reply == {"version": 0}
    for number in range(20):
        await datasource.send("c", {"title": "a", "price": number})
    told: list[Any] = []

    async def heard_all() -> bool:
        told[:] = [Changes.model_validate(payload) for event, payload in listener.told if event == "changes"]
        return bool(told) and told[-1].latest == 20

    await until(heard_all)
    assert [change.version for changes in told for change in changes.changes] == list(range(1, 21))
    assert [changes.since for changes in told[1:]] == [changes.version for changes in told[:-1]]
    assert told[-1].changes[-1].after == {"price": 19}


async def test_what_changes_nothing_makes_no_change_and_moves_last_seen(datasource: Any, until: Any) -> None:
    await datasource.send("c", {"title": "a", "item": "1"}, {"title": "b"}, configuration="x")
    await until(datasource.reduced)
    before = (await datasource.client.records("c")).records
    await datasource.send("c", {"title": "a", "item": "1"}, configuration="x")
    await until(datasource.reduced)
    after = (await datasource.client.records("c")).records
    assert after[0].last_seen > before[0].last_seen
    assert after[0].model_copy(update={"last_seen": before[0].last_seen}) == before[0]
    assert after[1] == before[1]
    assert len(await datasource.changes("c")) == 2


async def test_fields_that_an_item_lacks_stay_and_those_it_has_replace(datasource: Any, until: Any) -> None:
    await datasource.send("c", {"title": "a", "price": 1, "stars": 4})
    await datasource.send("c", {"title": "a", "price": None})
    await until(datasource.reduced)
    assert await datasource.values("c") == {"a": {"title": "a", "price": None, "stars": 4}}


async def test_several_fields_make_a_key(datasource: Any, until: Any) -> None:
    items: list[Any] = [{"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 1, "b": "x", "c": True}]
    await datasource.send("c", *items, key=("a", "b"), collect={})
    await until(datasource.reduced)
    assert await datasource.values("c") == {'[1,"x"]': items[2], '[1,"y"]': items[1]}


async def test_batches_are_numbered_in_the_order_of_their_reduction(start: Any, until: Any) -> None:
    datasource = await start(gather_batches=7)
    for page in range(1, 31):
        await datasource.send("c", {"title": "a", "page": page}, run="r", page=page)
    await until(datasource.reduced)
    inbox = datasource.database["inbox"].find({}, sort=[("order", 1)])
    assert [(each["order"], each["page"]) async for each in inbox] == [(n, n) for n in range(1, 31)]
    assert await datasource.values("c") == {"a": {"title": "a", "page": 30}}
    assert (await datasource.client.collections())[0].version == 30


async def test_a_batch_that_cannot_be_reduced_is_set_aside_and_the_others_go_on(
    datasource: Any, until: Any
) -> None:
    huge = ["x" * 7_000_000, "y" * 7_000_000, "z" * 7_000_000]
    for number, value in enumerate(huge, start=1):
        await datasource.send("c", {"title": "a", "item": value}, run="r", page=number)
    await datasource.send("c", {"title": "b"}, run="r", page=4)
    await until(datasource.reduced, seconds=30)
    assert list(await datasource.values("c")) == ["a", "b"]
    spoiled = [
        each["_id"] async for each in datasource.database["inbox"].find({"spoiled": {"$exists": True}})
    ]
    assert spoiled
    assert not await datasource.database["inbox"].count_documents({"spoiled": {"$exists": True}, "order": 1})
    await datasource.send("c", {"title": "c"})
    await until(datasource.reduced)
    assert list(await datasource.values("c")) == ["a", "b", "c"]


async def test_collections_are_reduced_each_for_itself(datasource: Any, until: Any) -> None:
    for number in range(40):
        await datasource.send(f"c{number % 8}", {"title": f"t{number}"})
    await until(datasource.reduced)
    found = await datasource.client.collections()
    assert [(each.name, each.version, each.records) for each in found] == [(f"c{n}", 5, 5) for n in range(8)]
