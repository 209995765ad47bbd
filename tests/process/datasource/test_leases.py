"""Several replicas share the collections: each is one's for a while, and nothing late is written."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pymongo.errors import OperationFailure

from scrapr.model.times import now
from scrapr.roles.datasource.ledger import Ledger, Outrun
from scrapr.roles.datasource.reduce import fold
from scrapr.roles.datasource.settings import DatasourceSettings
from scrapr.roles.datasource.standing import Fold, Page

LONG = DatasourceSettings(lease=3600)
SHORT = DatasourceSettings(lease=0.01)


async def prepare(ledger: Ledger, database: Any, number: int) -> tuple[Fold, list[Page]]:
    """A batch in the inbox, and what it would be reduced to now."""
    page = Page(f"r:{number}", "r", [{"title": f"t{number}"}], now())
    await database["inbox"].insert_one({"_id": page.id, "waiting": "page", "collection": "c"})
    return fold(await ledger.standing("c"), {}, [page], most=9), [page]


async def test_a_collection_is_its_who_reduced_it_last_until_its_lease_is_over(
    database: Any, until: Any
) -> None:
    first, second = Ledger(database, LONG, "first"), Ledger(database, SHORT, "second")
    await first.reduce(*await prepare(first, database, 1))
    standing = await second.standing("c")
    assert (standing.holder, standing.epoch, standing.held_against("first")) == ("first", 1, 0)
    assert 3500 < standing.held_against("second") <= 3600
    theirs = await prepare(second, database, 2)
    with pytest.raises(Outrun):
        await second.reduce(*theirs)
    await first.release()
    await second.reduce(*await prepare(second, database, 3))
    standing = await second.standing("c")
    assert (standing.holder, standing.epoch, standing.version) == ("second", 2, 2)

    async def is_over() -> bool:
        return (await first.standing("c")).held_against("first") == 0

    await until(is_over)
    await first.reduce(*await prepare(first, database, 4))
    assert (await first.standing("c")).epoch == 3


async def test_whoever_slept_past_its_lease_writes_nothing_late(database: Any, until: Any) -> None:
    sleeper, other = Ledger(database, SHORT, "sleeper"), Ledger(database, LONG, "other")
    await sleeper.reduce(*await prepare(sleeper, database, 1))
    late = await prepare(sleeper, database, 2)

    async def is_over() -> bool:
        return (await other.standing("c")).held_against("other") == 0

    await until(is_over)
    await other.reduce(*await prepare(other, database, 3))
    before = await database["collections"].find_one({"_id": "c"})
    with pytest.raises(Outrun):
        await sleeper.reduce(*late)
    assert await database["collections"].find_one({"_id": "c"}) == before
    assert await database["records"].count_documents({}) == 2


async def test_the_first_of_two_has_a_new_collection(database: Any) -> None:
    first, second = Ledger(database, LONG, "first"), Ledger(database, LONG, "second")
    theirs = await prepare(second, database, 2)
    await first.reduce(*await prepare(first, database, 1))
    with pytest.raises(Outrun):
        await second.reduce(*theirs)
    assert [each async for each in database["changes"].find({}, {"key": 1, "_id": 0})] == [{"key": "t1"}]


async def test_a_replica_that_stopped_within_a_transaction_holds_nobody_up(
    datasource: Any, database: Any, until: Any
) -> None:
    await datasource.send("c", {"title": "old"})
    await until(datasource.reduced)
    async with database.client.start_session() as session:
        await session.start_transaction()
        await database["collections"].update_one({"_id": "c"}, {"$inc": {"turn": 1}}, session=session)
        await datasource.send("c", {"title": "new"})
        # Less than MongoDB's own minute.
        await until(datasource.reduced, seconds=30)
        assert set(await datasource.values("c")) == {"old", "new"}
        with pytest.raises(OperationFailure, match="has been aborted"):
            await session.commit_transaction()


async def test_two_replicas_share_many_collections_and_one_takes_over_when_the_other_dies(
    start: Any, until: Any
) -> None:
    replicas = [await start(reconcile=3600, lease=1, gather_batches=2) for _ in range(2)]
    names = [f"c{number}" for number in range(12)]

    async def send(page: int) -> None:
        for number, name in enumerate(names):
            await replicas[1].send(name, {"title": "t", "item": page}, run=f"{name}-r", page=page)
            if number % 4 == 3:
                await asyncio.sleep(0)

    for page in range(1, 4):
        await send(page)
    await until(replicas[0].reduced)
    holders = {each["holder"] async for each in replicas[0].database["collections"].find({}, {"holder": 1})}
    assert None not in holders
    await replicas[0].kill()
    for page in range(4, 7):
        await send(page)
    await until(replicas[1].reduced)
    for name in names:
        assert await replicas[1].values(name) == {"t": {"title": "t", "items": [1, 2, 3, 4, 5, 6]}}
        changes = (await replicas[1].client.changes(name, since=0)).changes
        assert [change.version for change in changes] == [1, 2, 3, 4, 5, 6][: len(changes)]
        assert max(number for change in changes for number in change.after["items"]) == 6
    survivors = {each["holder"] async for each in replicas[1].database["collections"].find({}, {"holder": 1})}
    assert len(survivors) == 1
