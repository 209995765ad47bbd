"""Items that become no records: kept with the reasons, and judged again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from scrapr.model.errors import Conflict
from scrapr.model.quarantine import Replay
from scrapr.model.rules import FieldRule

STRICT = {"price": FieldRule(type="number", required=True)}
LAX = {"price": FieldRule(type="text")}
PARTS: dict[str, Any] = {"configuration": "k", "fields": STRICT}


async def fill(datasource: Any, until: Any) -> None:
    items = ({"title": "a", "price": "1 EUR"}, {"title": "b", "price": 2}, {"price": 3})
    await datasource.send("c", *items, run="r", **PARTS)
    await datasource.end("c", "r", pages=1, items=3, configuration="k")
    await until(datasource.reduced)


async def test_what_became_no_record_is_shown_with_its_reasons_and_counted(
    datasource: Any, until: Any
) -> None:
    await fill(datasource, until)
    assert list(await datasource.values("c")) == ["b"]
    shown = await datasource.client.quarantine("c")
    assert (shown.total, [(each.item, each.run, each.configuration) for each in shown.items]) == (
        2,
        [({"title": "a", "price": "1 EUR"}, "r", "k"), ({"price": 3}, "r", "k")],
    )
    assert [[reason.field for reason in each.reasons] for each in shown.items] == [["price"], ["title"]]
    first = await datasource.client.quarantine("c", limit=1)
    assert first.next == first.items[0].id
    assert (await datasource.client.quarantine("c", after=first.next)).items == shown.items[1:]
    (run,) = await datasource.client.runs()
    assert (run.reduction.unkeyed, run.reduction.quarantined, run.reduction.created) == (1, 1, 1)


async def test_of_one_batch_so_many_items_are_kept_and_all_are_counted(start: Any, until: Any) -> None:
    datasource = await start(quarantine=2)
    keyless: list[Any] = [{"title": ""}, {"title": None, "$x": {"$ref": "a", "$id": 1}}, {"name": "a"}]
    await datasource.send("c", *keyless, {"title": "b"}, run="r", configuration="x")
    await datasource.end("c", "r", pages=1, items=4, configuration="x")
    await until(datasource.reduced)
    shown = await datasource.client.quarantine("c")
    assert [each.item for each in shown.items] == keyless[:2]
    (run,) = await datasource.client.runs()
    assert (run.reduction.unkeyed, run.reduction.created) == (3, 1)


async def test_items_are_judged_again_by_new_rules_and_reduced_once(datasource: Any, until: Any) -> None:
    await fill(datasource, until)
    same = await datasource.client.replay("c", Replay())
    assert (same.replayed, same.left) == (0, 2)
    answers = await asyncio.gather(
        *(datasource.client.replay("c", Replay(configuration="k", fields=LAX)) for _ in range(3)),
        return_exceptions=True,
    )
    replayed = [each.replayed for each in answers if not isinstance(each, BaseException)]
    assert all(isinstance(each, Conflict) for each in answers if isinstance(each, BaseException))
    assert sum(replayed) == 1
    await until(datasource.reduced)
    assert await datasource.values("c") == {
        "b": {"title": "b", "price": 2},
        "a": {"title": "a", "price": "1 EUR"},
    }
    assert [change.key for change in await datasource.changes("c")] == ["b", "a"]
    (left,) = (await datasource.client.quarantine("c")).items
    assert left.item == {"price": 3}
    again = await datasource.client.replay("c", Replay(key=("price",), fields={}))
    assert (again.replayed, again.left) == (1, 0)
    await until(datasource.reduced)
    assert "3" in await datasource.values("c")


async def test_the_rules_of_the_newest_batch_hold_where_none_are_given(datasource: Any, until: Any) -> None:
    await fill(datasource, until)
    await datasource.send("c", {"title": "z", "price": "5"}, run="s", configuration="k", fields=LAX)
    await until(datasource.reduced)
    # A body that says nothing may as well be none.
    status, replayed = await datasource.ask("POST", "/v1/collections/c/quarantine/replay")
    assert (status, replayed["replayed"]) == (200, 1)
    await until(datasource.reduced)
    assert list(await datasource.values("c")) == ["b", "z", "a"]


async def test_an_unknown_collection_and_a_wrong_wish_are_refused(datasource: Any) -> None:
    assert (await datasource.ask("GET", "/v1/collections/x/quarantine"))[0] == 404
    assert (await datasource.ask("POST", "/v1/collections/x/quarantine/replay", json={}))[0] == 404
    status, problem = await datasource.ask(
        "POST", "/v1/collections/x/quarantine/replay", json={"fields": {"a": {"type": "x"}}}
    )
    assert (status, problem["errors"][0]["field"]) == (422, "fields.a.type")


@pytest.mark.parametrize("limit", [1, 10])
async def test_of_several_items_of_one_key_the_newest_counts_whatever_their_order_in_quarantine(
    datasource: Any, until: Any, limit: int
) -> None:
    # By their ids the older comes last in quarantine.
    for run, price in (("z", "old"), ("a", "new")):
        await datasource.send("c", {"title": "a", "price": price}, run=run, **PARTS)
        await until(datasource.reduced)
    # It is seen as it is, and then with what breaks the rules once more.
    await datasource.send("c", {"title": "b", "price": 1}, run="b1", **PARTS)
    await datasource.send("c", {"title": "b", "price": "back"}, run="b2", **PARTS)
    await until(datasource.reduced)
    after = None
    while True:
        told = await datasource.client.replay("c", Replay(fields=LAX, after=after, limit=limit))
        await until(datasource.reduced)
        if (after := told.next) is None:
            break
    prices = {key: values["price"] for key, values in (await datasource.values("c")).items()}
    assert prices == {"a": "new", "b": "back"}
    assert (await datasource.client.quarantine("c")).total == 0
    before = [each async for each in datasource.database["records"].find({}, sort=[("_id", 1)])]
    await datasource.client.rebuild("c")

    async def rebuilt() -> Any:
        found = await datasource.client.rebuilt("c")
        return found if found.state == "done" else None

    await until(rebuilt)
    assert [each async for each in datasource.database["records"].find({}, sort=[("_id", 1)])] == before
