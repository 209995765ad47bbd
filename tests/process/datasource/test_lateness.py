"""An epoch that ends while a batch of it is under way: the batch is reduced before the next holder's, or not at all."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from scrapr.model.batch import Batch
from scrapr.model.errors import Invalid, StaleEpoch
from scrapr.roles.datasource import arrivals
from scrapr.roles.datasource.inbox import Inbox
from scrapr.roles.datasource.settings import DatasourceSettings


def batch(epoch: int, page: int = 1) -> Batch:
    items = [{"title": "a", "n": epoch}, {"title": f"of {epoch}, {page}"}]
    return Batch(
        collection="c", data=items, run=f"r{epoch}", page=page, configuration="x", epoch=epoch, key=("title",)
    )


async def put(datasource: Any, given: Batch, received: int) -> None:
    """Write a batch to the inbox past the inbox's look at its epoch."""
    document = arrivals.document_of_batch(given, given.run or "")
    at = document["received_at"].replace(year=2026, month=1, day=received)
    await datasource.database["inbox"].insert_one({**document, "received_at": at})


async def test_a_new_holder_shuts_the_earlier_ones_out_before_it_sends_anything(datasource: Any) -> None:
    await datasource.client.send(batch(1))
    await datasource.client.announce("x", 2)
    await datasource.client.announce("x", 2)
    with pytest.raises(StaleEpoch):
        await datasource.client.send(batch(1, page=2))
    with pytest.raises(StaleEpoch, match="in epoch 2"):
        await datasource.client.announce("x", 1)
    await datasource.client.send(batch(2))


async def test_an_announcement_for_a_configuration_that_none_can_be_called_is_refused(
    datasource: Any,
) -> None:
    with pytest.raises(Invalid, match="configuration"):
        await datasource.client.announce("x" * 101, 2)
    await datasource.client.announce("x" * 100, 2)


async def test_what_slips_in_after_the_next_holders_batch_was_reduced_writes_nothing(
    datasource: Any, until: Any
) -> None:
    await datasource.client.send(batch(1))
    await datasource.client.send(batch(2))
    await until(datasource.reduced)
    before = await datasource.changes("c")
    await put(datasource, batch(1, page=2), 1)
    await until(datasource.reduced)
    assert await datasource.changes("c") == before
    assert await datasource.values("c") == {
        "a": {"title": "a", "n": 2},
        "of 1, 1": {"title": "of 1, 1"},
        "of 2, 1": {"title": "of 2, 1"},
    }
    # So it is when the batches are reduced once more.
    await datasource.client.rebuild("c")

    async def rebuilt() -> Any:
        told = await datasource.client.rebuilt("c")
        return told if told.state != "waiting" else None

    told = await until(rebuilt)
    assert (told.state, told.created, told.updated, told.removed) == ("done", 0, 0, 0)


async def test_what_was_taken_under_the_earlier_epoch_is_reduced_first_whatever_the_clocks_said(
    start: Any, until: Any
) -> None:
    datasource = await start(awake=False, reconcile=3600, gather_batches=1)
    await put(datasource, batch(2), 1)
    for page in (1, 2):
        await put(datasource, batch(1, page=page), 1 + page)
    datasource.wake()
    await until(datasource.reduced)
    values = await datasource.values("c")
    assert set(values) == {"a", "of 1, 1", "of 1, 2", "of 2, 1"}
    assert values["a"] == {"title": "a", "n": 2}


async def test_a_batch_whose_epoch_ends_while_it_is_written_is_refused_and_withdrawn(
    database: Any, until: Any
) -> None:
    late, other = (Inbox(database, DatasourceSettings()) for _ in range(2))
    await late.accept(batch(1))

    async def send_late() -> None:
        with pytest.raises(StaleEpoch):
            await late.accept(batch(1, page=2))

    async def waits() -> bool:
        return bool(late._convoy._waiting)

    async with asyncio.TaskGroup() as group, late._convoy._road:
        group.create_task(send_late())
        # It passes the first look at its epoch, and waits to be written.
        await until(waits)
        await other.accept(batch(2))
    there = {each["_id"] async for each in database["inbox"].find({}, {"_id": 1})}
    assert there == {"r1:1", "r2:1"}
    # What was acknowledged before stays, though it is sent again.
    with pytest.raises(StaleEpoch):
        await late.accept(batch(1))
    assert await database["inbox"].count_documents({"_id": "r1:1"}) == 1
