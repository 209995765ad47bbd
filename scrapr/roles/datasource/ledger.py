"""The ledger: one transaction takes a collection from one standing to the next, or leaves it as it is.

What it reads is read outside of the transaction. That is safe because the collection's `turn` and `epoch` are read
first and compared within it: had another replica written in between, or taken the collection, they would be others.
The same write takes or renews the lease, by the server's clock, so that leases cost nothing: whoever reduces a
collection has it to itself until it was idle for that long.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from bson.errors import InvalidDocument
from bson.raw_bson import RawBSONDocument
from pymongo import ReplaceOne, ReturnDocument, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, DocumentTooLarge, OperationFailure

from scrapr.model.errors import TooLarge
from scrapr.model.times import now
from scrapr.roles.datasource import arrivals, documents
from scrapr.roles.datasource.settings import DatasourceSettings
from scrapr.roles.datasource.shelf import Shelf, Write
from scrapr.roles.datasource.standing import Effect, End, Fold, Page, Standing
from scrapr.storage.abandoned import end_abandoned
from scrapr.storage.mongo import Database, Document, encode, translated

LOCKED = 112
DUPLICATE = 11000
OVERSIZE = frozenset({10334, 17419, 17420})
"""A document would grow beyond MongoDB's limit."""


STANDING: Document = {
    **dict.fromkeys(("version", "records", "order", "turn", "updated_at", "feeders"), 1),
    **dict.fromkeys(("holder", "epoch", "dropped", "rebuild"), 1),
    "lease": {"$subtract": ["$expires_at", "$$NOW"]},
}
"""What is read of a collection's document; what is left of its lease, in milliseconds by the server's clock."""


class Outrun(Exception):
    """Another replica reduced first; nothing was written."""


class Locked(Outrun):
    """Another's transaction, which is not at its end, has the same in hand; nothing was written."""


@dataclass(frozen=True)
class _Writes:
    """What a fold writes, encoded."""

    records: Sequence[Write]
    changes: Sequence[RawBSONDocument]


class Ledger(Shelf):
    """Records, changes and standings, and the transaction that writes them together."""

    def __init__(self, database: Database, settings: DatasourceSettings, replica: str) -> None:
        super().__init__(database["records"])
        self.replica = replica
        self._lease = settings.lease
        self._database = database
        self._collections = database["collections"]
        self._changes = database["changes"]
        self._inbox = database["inbox"]
        self._runs = database["runs"]
        self._quarantine = database["quarantine"]
        self._quarantine_most = settings.quarantine

    async def standing(self, collection: str) -> Standing:
        """Where a collection is."""
        with translated():
            found = await self._collections.find_one({"_id": collection}, STANDING)
        return documents.standing_of(collection, found)

    async def unsettled(self) -> list[str]:
        """The collections in which there is more to do than what waits in the inbox."""
        query: Document = {"$or": [{"dropped.is_done": False}, {"rebuild.state": "waiting"}]}
        with translated():
            return [each["_id"] async for each in self._collections.find(query, {"_id": 1})]

    async def reduce(self, fold: Fold, pages: Sequence[Page]) -> None:
        """Write what `pages` were folded to. Raises `Outrun`, `Unavailable`, and `TooLarge` for what cannot be kept."""
        writes = await self._prepare(fold)
        async with transaction(self._database) as session:
            await self._write(fold, writes, session)
            if fold.effects:
                await self._mark([_reduced(id_, effect) for id_, effect in fold.effects.items()], session)
            if aside := list(_aside(fold, pages, self._quarantine_most)):
                await self._quarantine.insert_many(aside, session=session)
            if lone := [page for page in pages if page.is_alone]:
                name = fold.before.name
                runs = [arrivals.document_of_lone_run(name, page, fold.effects[page.id]) for page in lone]
                # Not inserted: where batches are reduced once more, their runs are there.
                replaced = [ReplaceOne({"_id": run["_id"]}, run, upsert=True) for run in runs]
                await self._runs.bulk_write(replaced, ordered=False, session=session)

    async def end(self, fold: Fold, end: End, reduction: Document) -> int | None:
        """Write a part of a run's end; with the last part, the run learns what its `reduction` was.

        Tells how many records all parts so far removed; None where the run is not known any more.
        """
        writes = await self._prepare(fold)
        async with transaction(self._database) as session:
            await self._write(fold, writes, session)
            learned: Document = {"$inc": {"removed": len(fold.removed)}}
            if not fold.effects:
                await self._inbox.update_one({"_id": end.id}, {"$set": {"has_begun": True}}, session=session)
            else:
                await self._mark([_reduced(id_, effect) for id_, effect in fold.effects.items()], session)
                learned["$set"] = {"reduction": reduction, "untold": now()}
            run = await self._runs.find_one_and_update(
                {"_id": end.run},
                learned,
                projection={"removed": 1},
                return_document=ReturnDocument.AFTER,
                session=session,
            )
        return None if run is None else int(run["removed"])

    async def _prepare(self, fold: Fold) -> _Writes:
        """Encode what is written before the transaction begins, which holds up others."""
        with _judged():
            changes = (
                documents.document_of_change(each, fold.was.get(each.version)) for each in fold.changes
            )
            return _Writes(await self.prepare(fold), await encode(changes))

    async def _write(self, fold: Fold, writes: _Writes, session: AsyncClientSession) -> None:
        await self._take_turn(fold, session)
        await self.put(fold, writes.records, session)
        if writes.changes:
            await self._changes.insert_many(writes.changes, session=session)

    async def _take_turn(self, fold: Fold, session: AsyncClientSession) -> None:
        """First of all writes: where two replicas meet, the later one learns it here."""
        before = fold.before
        after = {**documents.document_of_standing(fold.after), "turn": before.turn + 1}
        guard: Document = {"_id": before.name, "turn": before.turn}
        if before.turn:
            guard["epoch"] = before.epoch
        if before.holder not in {None, self.replica}:
            guard["$expr"] = {"$lte": ["$expires_at", "$$NOW"]}
        held: Document = {
            "holder": {"$literal": self.replica},
            "epoch": before.epoch + (before.holder != self.replica),
            "expires_at": {"$add": ["$$NOW", round(self._lease * 1000)]},
        }
        literal = {name: {"$literal": value} for name, value in after.items()}
        # One that is there already has another turn, so that inserting it fails: somebody was faster.
        taken = await self._collections.update_one(
            guard, [{"$set": {**literal, **held}}], upsert=before.turn == 0, session=session
        )
        if not taken.matched_count and taken.upserted_id is None:
            raise Outrun(before.name)

    async def make_way(self) -> None:
        """End the transactions of replicas that were silent for longer than any lease."""
        await end_abandoned(self._database, silent=self._lease)

    async def release(self) -> None:
        """Leave the collections that this replica holds to the others."""
        with translated():
            await self._collections.update_many(
                {"holder": self.replica}, {"$set": {"holder": None, "expires_at": None}}
            )

    async def _mark(self, marks: list[UpdateOne], session: AsyncClientSession) -> None:
        marked = await self._inbox.bulk_write(marks, ordered=False, session=session)
        if marked.matched_count != len(marks):
            raise Outrun("a batch is reduced already")


@asynccontextmanager
async def transaction(database: Database) -> AsyncIterator[AsyncClientSession]:
    """All that is written with the session, or nothing. Raises `Outrun`, `Unavailable` and `TooLarge`."""
    with translated(), _judged():
        async with (
            database.client.start_session() as session,
            await session.start_transaction(write_concern=database.write_concern),
        ):
            yield session


@contextmanager
def _judged() -> Iterator[None]:
    """Tell apart what a transaction may meet beside an unavailable server."""
    try:
        yield
    except (DocumentTooLarge, InvalidDocument) as error:
        raise TooLarge(f"A record, or its change, would be too large: {error}") from error
    except OperationFailure as error:
        codes = {error.code, *_codes_within(error)}
        if LOCKED in codes:
            raise Locked(str(error)) from error
        if DUPLICATE in codes:
            raise Outrun(str(error)) from error
        if codes & OVERSIZE:
            raise TooLarge(f"A record, or its change, would be too large: {error}") from error
        raise


def _codes_within(error: OperationFailure) -> Iterator[Any]:
    if isinstance(error, BulkWriteError):
        yield from (each.get("code") for each in error.details.get("writeErrors", ()))


def _reduced(id_: str, effect: Effect) -> UpdateOne:
    note = {"reduced_at": now(), "order": effect.order, "effect": asdict(effect)}
    return UpdateOne({"_id": id_, "waiting": {"$exists": True}}, {"$set": note, "$unset": {"waiting": ""}})


def _aside(fold: Fold, pages: Iterable[Page], most: int) -> Iterator[Document]:
    """What goes to quarantine, at most `most` items of a page; the others are counted."""
    for page in pages:
        for aside in fold.aside.get(page.id, ())[:most]:
            order = fold.effects[page.id].order
            yield arrivals.document_of_aside(fold.before.name, page, order, aside)
