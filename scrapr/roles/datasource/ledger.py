"""The ledger: one transaction takes a collection from one standing to the next, or leaves it as it is.

What it reads is read outside of the transaction. That is safe because the collection's `turn` is read first and
compared within it: had another replica written in between, its turn would be another.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from typing import Any, TypeAlias

from bson.errors import InvalidDocument
from pymongo import InsertOne, ReplaceOne, ReturnDocument, UpdateMany, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, DocumentTooLarge, OperationFailure

from scrapr.model.errors import TooLarge
from scrapr.model.times import now
from scrapr.roles.datasource import documents
from scrapr.roles.datasource.settings import DatasourceSettings
from scrapr.roles.datasource.standing import Effect, End, Fold, Kept, Page, Standing, Unseen
from scrapr.storage.mongo import Database, Document, translated

Write: TypeAlias = InsertOne[Document] | ReplaceOne[Document] | UpdateMany
TAKEN = frozenset({112, 11000})
"""Write conflict, duplicate key: another replica is at, or already did, the same."""
OVERSIZE = frozenset({10334, 17419, 17420})
"""A document would grow beyond MongoDB's limit."""


class Outrun(Exception):
    """Another replica reduced first; nothing was written."""


class Ledger:
    """Records, changes and standings, and the transaction that writes them together."""

    def __init__(self, database: Database, settings: DatasourceSettings) -> None:
        self._database = database
        self._collections = database["collections"]
        self._records = documents.naive(database["records"])
        self._changes = database["changes"]
        self._inbox = database["inbox"]
        self._runs = database["runs"]
        self._quarantine = database["quarantine"]
        self._quarantine_most = settings.quarantine

    async def standing(self, collection: str) -> Standing:
        """Where a collection is."""
        with translated():
            found = await self._collections.find_one({"_id": collection})
        return documents.standing_of(collection, found)

    async def recall(self, collection: str, keys: Iterable[str]) -> dict[str, Kept]:
        """The records with these keys, as far as there are any."""
        wanted = [{"collection": collection, "key": key} for key in keys]
        return {kept.key: kept for kept in await self._find_kept({"_id": {"$in": wanted}}, 0)}

    async def unseen(self, collection: str, unseen: Unseen, most: int) -> list[Kept]:
        """Up to `most` of the `unseen` records, oldest first."""
        return await self._find_kept(_query_of(collection, unseen), most)

    async def count_unseen(self, collection: str, unseen: Unseen) -> int:
        """How many records are `unseen`."""
        with translated():
            return await self._records.count_documents(_query_of(collection, unseen))

    async def _find_kept(self, query: Document, most: int) -> list[Kept]:
        found = self._records.find(query, limit=most, sort=[("created", 1)] if most else None)
        with translated():
            return [documents.kept_of(document) for document in await found.to_list()]

    async def reduce(self, fold: Fold, pages: Sequence[Page]) -> None:
        """Write what `pages` were folded to. Raises `Outrun`, `Unavailable`, and `TooLarge` for what cannot be kept."""
        async with transaction(self._database) as session:
            await self._write(fold, session)
            await self._mark([_reduced(id_, effect) for id_, effect in fold.effects.items()], session)
            if aside := list(_aside(fold, pages, self._quarantine_most)):
                await self._quarantine.insert_many(aside, session=session)
            if lone := [page for page in pages if page.is_alone]:
                name = fold.before.name
                runs = [documents.document_of_lone_run(name, page, fold.effects[page.id]) for page in lone]
                # Not inserted: where batches are reduced once more, their runs are there.
                replaced = [ReplaceOne({"_id": run["_id"]}, run, upsert=True) for run in runs]
                await self._runs.bulk_write(replaced, ordered=False, session=session)

    async def end(self, fold: Fold, end: End, reduction: Document) -> int | None:
        """Write a part of a run's end; with the last part, the run learns what its `reduction` was.

        Tells how many records all parts so far removed; None where the run is not known any more.
        """
        async with transaction(self._database) as session:
            await self._write(fold, session)
            learned: Document = {"$inc": {"removed": len(fold.removed)}}
            if fold.effects:
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

    async def _write(self, fold: Fold, session: AsyncClientSession) -> None:
        name = fold.before.name
        await self._take_turn(fold, session)
        writes: list[Write] = [*_records(name, fold), *_sightings(name, fold)]
        if writes:
            # Unordered, they go as one command of each kind; sightings never name what is written as a whole.
            await self._records.bulk_write(writes, ordered=False, session=session)
        if fold.removed:
            gone = [{"collection": name, "key": key} for key in fold.removed]
            await self._records.delete_many({"_id": {"$in": gone}}, session=session)
        if fold.changes:
            changes = [
                documents.document_of_change(change, fold.was.get(change.version)) for change in fold.changes
            ]
            await self._changes.insert_many(changes, session=session)

    async def _take_turn(self, fold: Fold, session: AsyncClientSession) -> None:
        """First of all writes: where two replicas meet, the later one learns it here."""
        before = fold.before
        after = {**documents.document_of_standing(fold.after), "turn": before.turn + 1}
        if before.turn == 0:
            await self._collections.insert_one({"_id": before.name, **after}, session=session)
            return
        guard = {"_id": before.name, "turn": before.turn}
        taken = await self._collections.update_one(guard, {"$set": after}, session=session)
        if not taken.matched_count:
            raise Outrun(before.name)

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
        if codes & TAKEN:
            raise Outrun(str(error)) from error
        if codes & OVERSIZE:
            raise TooLarge(f"A record, or its change, would be too large: {error}") from error
        raise


def _codes_within(error: OperationFailure) -> Iterator[Any]:
    if isinstance(error, BulkWriteError):
        yield from (each.get("code") for each in error.details.get("writeErrors", ()))


def _records(collection: str, fold: Fold) -> Iterator[InsertOne[Document] | ReplaceOne[Document]]:
    """Whole documents, never update operators: a user's field may be called `$set` or `a.b`."""
    for kept in fold.written:
        document = documents.document_of_kept(collection, kept)
        is_new = kept.created > fold.before.version
        yield InsertOne(document) if is_new else ReplaceOne({"_id": document["_id"]}, document)


def _sightings(collection: str, fold: Fold) -> Iterator[UpdateMany]:
    for sighting in fold.sightings:
        feed = sighting.feed
        spot = {f"feeds.$[feed].spots.$[spot{n}].run": spot.run for n, spot in enumerate(feed.spots)}
        spots = [{f"spot{n}.source": spot.source} for n, spot in enumerate(feed.spots)]
        yield UpdateMany(
            {"_id": {"$in": [{"collection": collection, "key": key} for key in sighting.keys]}},
            {
                "$set": {
                    "last_seen": sighting.at,
                    "feeds.$[feed].run": feed.run,
                    "feeds.$[feed].order": feed.order,
                    **spot,
                }
            },
            array_filters=[{"feed.configuration": feed.configuration}, *spots],
        )


def _query_of(collection: str, unseen: Unseen) -> Document:
    feed: Document = {"configuration": unseen.configuration, "order": {"$lt": unseen.since}}
    if unseen.unchanged:
        feed["spots"] = {"$nin": [documents.document_of_spot(spot) for spot in unseen.unchanged]}
    return {"_id.collection": collection, "feeds": {"$elemMatch": feed}}


def _reduced(id_: str, effect: Effect) -> UpdateOne:
    note = {"reduced_at": now(), "order": effect.order, "effect": asdict(effect)}
    return UpdateOne({"_id": id_, "waiting": {"$exists": True}}, {"$set": note, "$unset": {"waiting": ""}})


def _aside(fold: Fold, pages: Iterable[Page], most: int) -> Iterator[Document]:
    """What goes to quarantine, at most `most` items of a page; the others are counted."""
    for page in pages:
        for aside in fold.aside.get(page.id, ())[:most]:
            order = fold.effects[page.id].order
            yield documents.document_of_aside(fold.before.name, page, order, aside)
