"""Records made again from their batches are the same, and readers never see less."""

from __future__ import annotations

import random
from typing import Any

import pytest

from scrapr.model.errors import NotFound
from scrapr.model.rules import FieldRule

RULES = {"x": FieldRule(type="integer", maximum=8)}


async def live(datasource: Any, until: Any, dice: random.Random, runs: int) -> None:
    """Runs of two configurations and batches by hand, with broken items, cut runs and records that go."""
    for run in range(runs):
        who = dice.choice(["k", "l", None])
        name = f"{who}{run}-{dice.random()}".replace(".", "")
        pages = dice.randint(1, 3)
        for page in range(1, pages + 1):
            titles = dice.sample(["a", "b", "c", "d", "e", "f", ""], dice.randint(1, 6))
            items = [
                {"title": title, dice.choice("xyz"): dice.randint(0, 9), "item": run} for title in titles
            ]
            parts = {"source": f"http://s/{page}"} if dice.random() < 0.7 else {}
            names = ("title", "item", *dice.sample("xyz", 2)) if dice.random() < 0.3 else ()
            await datasource.send(
                "c", *items, run=name, page=page, configuration=who, fields=RULES, names=names, **parts
            )
        outcome = dice.choice(["complete", "complete", "cut"])
        await datasource.end("c", name, pages=pages, items=9, configuration=who, outcome=outcome)
        if dice.random() < 0.5:
            await until(datasource.reduced)
    await until(datasource.reduced)


async def rebuild(datasource: Any, until: Any) -> Any:
    await datasource.client.rebuild("c")

    async def over() -> Any:
        told = await datasource.client.rebuilt("c")
        return None if told.state == "waiting" else told

    return await until(over, seconds=60)


async def kept(datasource: Any) -> Any:
    return [each async for each in datasource.database["records"].find({}, sort=[("_id", 1)])]


@pytest.mark.parametrize("seed", range(4))
async def test_random_batches_give_the_same_records_again(start: Any, until: Any, seed: int) -> None:
    dice = random.Random(seed)
    settings = {"gather_items": dice.choice([3, 1000]), "gather_batches": dice.choice([1, 500])}
    datasource = await start(reconcile=3600, patience=0.01, **settings)
    await live(datasource, until, dice, 12)
    before, collection = await kept(datasource), (await datasource.client.collections())[0]
    told = await rebuild(datasource, until)
    assert (told.state, told.error, told.created, told.updated, told.removed) == ("done", None, 0, 0, 0)
    assert told.batches == await datasource.database["inbox"].count_documents({})
    assert (await kept(datasource), (await datasource.client.collections())[0]) == (before, collection)

    async def tidied() -> bool:
        left: int = await datasource.database["rebuilt"].count_documents({})
        return not left

    await until(tidied)  # which is after it was told to be done


async def test_what_differs_is_put_right_by_changes_and_the_rest_is_left_alone(
    datasource: Any, until: Any
) -> None:
    await datasource.send("c", *({"title": title, "n": 1} for title in "abc"), configuration="k", run="r")
    await until(datasource.reduced)
    records = datasource.database["records"]
    right = await datasource.values("c")
    await records.delete_one({"_id.key": "a"})
    await records.update_one({"_id.key": "b"}, {"$set": {"values.n": 7}})
    stray = await records.find_one({"_id.key": "c"})
    await records.insert_one({**stray, "_id": {"collection": "c", "key": "d"}, "created": 9})
    told = await rebuild(datasource, until)
    assert (told.state, told.created, told.updated, told.removed) == ("done", 1, 1, 1)
    assert await datasource.values("c") == {"b": right["b"], "c": right["c"], "a": right["a"]}
    changes = await datasource.changes("c")
    assert [(change.op, change.key) for change in changes[3:]] == [
        ("create", "a"),
        ("update", "b"),
        ("remove", "d"),
    ]
    assert (await datasource.client.collections())[0].records == 3


async def test_what_arrives_during_a_rebuild_is_reduced_and_part_of_it(start: Any, until: Any) -> None:
    datasource = await start(reconcile=3600, gather_batches=1)
    for page in range(1, 11):
        await datasource.send("c", {"title": f"t{page}"}, run="r", page=page)
    await until(datasource.reduced)
    await datasource.client.rebuild("c")
    for page in range(11, 21):
        await datasource.send("c", {"title": f"t{page}"}, run="r", page=page)
        assert len((await datasource.client.records("c")).records) >= 10
    told = await rebuild(datasource, until)
    await until(datasource.reduced)
    assert (told.created, told.updated, told.removed) == (0, 0, 0)
    assert len(await datasource.values("c")) == 20


async def test_a_rebuild_whose_batches_expired_is_refused_and_changes_nothing(
    datasource: Any, until: Any
) -> None:
    for page in range(1, 4):
        await datasource.send("c", {"title": f"t{page}"}, run="r", page=page)
    await until(datasource.reduced)
    await datasource.database["inbox"].delete_one({"_id": "r:1"})
    told = await rebuild(datasource, until)
    assert told.state == "refused"
    assert told.error.startswith("Batch 1 of c is no longer kept")
    assert len(await datasource.values("c")) == 3


async def test_a_collection_is_rebuilt_from_where_it_began_anew(datasource: Any, until: Any) -> None:
    await datasource.send("c", {"title": "a"}, run="r")
    await until(datasource.reduced)
    await datasource.client.drop("c")
    with pytest.raises(NotFound):
        await datasource.client.rebuild("c")
    await datasource.send("c", {"title": "b"}, run="s")
    await until(datasource.reduced)
    told = await rebuild(datasource, until)
    assert (told.state, told.batches, list(await datasource.values("c"))) == ("done", 1, ["b"])
