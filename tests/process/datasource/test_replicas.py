"""Several replicas on one database, and replicas that die in the middle."""

from __future__ import annotations

import asyncio
import random
from typing import Any

BATCHES = 60


def item(number: int) -> dict[str, Any]:
    """Each item is distinct, so that one reduced twice or never would show in its record's list."""
    return {"title": f"t{number % 5}", "item": number}


async def check(datasource: Any, batches: int) -> None:
    values = await datasource.values("c")
    gathered = {number for record in values.values() for number in record["items"]}
    assert gathered == set(range(batches * 3))
    changes = await datasource.changes("c")
    told = [number for change in changes for number in change.after["items"]]
    assert set(told) == gathered
    inbox = datasource.database["inbox"].find({}, {"order": 1, "effect": 1})
    noted = [(each["order"], each["effect"]) async for each in inbox]
    assert sorted(order for order, _ in noted) == list(range(1, batches + 1))
    assert sum(effect["created"] + effect["updated"] for _, effect in noted) == len(changes)


async def send(replicas: list[Any], number: int) -> None:
    items = [item(number * 3 + each) for each in range(3)]
    await random.choice(replicas).send("c", *items, run="r", page=number + 1)


async def test_two_replicas_reduce_each_batch_once(start: Any, until: Any) -> None:
    replicas = [await start(reconcile=3600, gather_batches=5) for _ in range(2)]
    for chunk in range(0, BATCHES, 6):
        await asyncio.gather(*(send(replicas, number) for number in range(chunk, chunk + 6)))
    await until(replicas[0].reduced)
    await check(replicas[0], BATCHES)


async def test_a_replica_that_dies_again_and_again_reduces_each_batch_once(start: Any, until: Any) -> None:
    datasource = await start(reconcile=3600, gather_batches=2)
    for chunk in range(0, BATCHES, 6):
        await asyncio.gather(*(send([datasource], number) for number in range(chunk, chunk + 6)))
        await asyncio.sleep(random.uniform(0, 0.03))
        await datasource.kill()
        datasource.wake()
    # The last life began at the token of one of those before.
    await until(datasource.reduced)
    await check(datasource, BATCHES)


async def test_one_of_two_dies_and_the_other_goes_on(start: Any, until: Any) -> None:
    replicas = [await start(reconcile=3600, gather_batches=2) for _ in range(2)]
    for number in range(30):
        await send(replicas, number)
        if number == 15:
            await replicas[0].kill()
    await until(replicas[1].reduced)
    await check(replicas[1], 30)


async def test_what_came_while_nobody_was_awake_is_reduced_by_who_wakes(start: Any, until: Any) -> None:
    asleep = await start(awake=False)
    await asleep.send("c", {"title": "a"})
    awake = await start(reconcile=3600)
    await until(awake.reduced)
    assert list(await awake.values("c")) == ["a"]


async def test_a_token_that_the_oplog_does_not_hold_leads_to_a_look_at_everything(
    start: Any, until: Any
) -> None:
    datasource = await start(awake=False, reconcile=3600)
    await datasource.send("c", {"title": "a"})
    async with await datasource.database["inbox"].watch() as stream:
        token = stream.resume_token["_data"]
    # After the type of the key come the seconds of its time: these are of 1970.
    old = {"_data": f"{token[:2]}00000001{token[10:]}"}
    await datasource.database["tokens"].insert_one({"_id": "inbox", "token": old})
    datasource.wake()
    await until(datasource.reduced)


async def test_what_no_event_told_of_is_found_by_the_timer(start: Any, until: Any) -> None:
    datasource = await start(reconcile=0.1)
    await datasource.send("c", {"title": "a"}, run="r")
    await until(datasource.reduced)
    # An update is no insert, so no event tells of it.
    again = {"$set": {"waiting": "page"}, "$unset": {"reduced_at": "", "order": "", "effect": ""}}
    await datasource.database["inbox"].update_one({"_id": "r:1"}, again)
    await until(datasource.reduced)


async def test_a_drained_replica_has_finished_what_it_began(start: Any, until: Any) -> None:
    datasource = await start(reconcile=3600, gather_batches=3)
    for number in range(20):
        await send([datasource], number)
    await datasource.role.release()
    turn = await datasource.database["collections"].find_one({"_id": "c"})
    await datasource.kill()
    assert await datasource.database["collections"].find_one({"_id": "c"}) == turn
    successor = await start(reconcile=3600)
    await until(successor.reduced)
    await check(successor, 20)
