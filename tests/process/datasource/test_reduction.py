"""Batches go in, records and changes come out."""

from __future__ import annotations

from typing import Any

from scrapr.model.change import Changes
from scrapr.model.times import show


async def test_the_body_of_the_thesis_becomes_records_in_the_shape_of_the_thesis(datasource, until):
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


async def test_a_batch_sent_twice_is_reduced_once(datasource, until):
    first = await datasource.send("c", {"title": "a", "item": "1"}, run="r", page=1)
    await until(datasource.reduced)
    again = await datasource.send("c", {"title": "a", "item": "2"}, run="r", page=1)
    assert (first.duplicate, again.duplicate, again.accepted) == (False, True, 1)
    await datasource.send("c", {"title": "b"}, run="r", page=2)
    await until(datasource.reduced)
    assert await datasource.values("c") == {"a": {"title": "a", "items": ["1"]}, "b": {"title": "b"}}
    assert len(await datasource.changes("c")) == 2


async def test_a_joined_client_is_told_of_each_change_in_order(datasource, until, listen):
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
