"""Records as they lie in MongoDB: those that callers see, or those that a rebuild makes beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from pymongo import InsertOne, ReplaceOne, UpdateMany
from pymongo.asynchronous.client_session import AsyncClientSession

from scrapr.roles.datasource import documents, removal
from scrapr.roles.datasource.standing import Effect, End, Fold, Kept, Sighting, Standing, Unseen
from scrapr.storage.mongo import Collection, Document, encode, translated

Write: TypeAlias = InsertOne[Document] | ReplaceOne[Document] | UpdateMany


class Shelf:
    """The records of all collections in one place."""

    def __init__(self, records: Collection) -> None:
        self._records = documents.naive(records)

    async def recall(self, collection: str, keys: Iterable[str]) -> dict[str, Kept]:
        """The records with these keys, as far as there are any."""
        wanted = [{"collection": collection, "key": key} for key in keys]
        return {kept.key: kept for kept in await self._find({"_id": {"$in": wanted}}, 0)}

    async def to_forget(
        self, standing: Standing, end: End, effects: Sequence[Effect], *, whole: bool, most: int
    ) -> tuple[str | None, list[Kept]]:
        """The reason why what a run did not see stays, or the records that go, up to `most`, oldest first."""
        kept = removal.why_keep(end, effects, whole=whole)
        unseen = removal.find_unseen(end, effects)
        if kept is None and unseen is not None and unseen.unchanged:
            with translated():
                count = await self._records.count_documents(_query_of(standing.name, unseen))
            kept = removal.why_keep_many(end, effects, standing, unseen, count)
        if kept is not None or unseen is None:
            return kept, []
        return None, await self._find(_query_of(standing.name, unseen), most)

    async def _find(self, query: Document, most: int) -> list[Kept]:
        found = self._records.find(query, limit=most, sort=[("created", 1)] if most else None)
        with translated():
            return [documents.kept_of(document) for document in await found.to_list()]

    async def prepare(self, fold: Fold) -> list[Write]:
        """The writes of a fold's records, encoded."""
        name = fold.before.name
        written = zip(
            fold.written,
            await encode(documents.document_of_kept(name, each) for each in fold.written),
            strict=True,
        )
        return [*(_write_of(name, fold, *each) for each in written), *_sighted(name, fold.sightings)]

    async def put(
        self, fold: Fold, writes: Sequence[Write], session: AsyncClientSession | None = None
    ) -> None:
        """Write a fold's records, and take away those that it removed."""
        if writes:
            # Unordered, they go as one command of each kind; sightings never name what is written as a whole.
            await self._records.bulk_write(writes, ordered=False, session=session)
        if fold.removed:
            gone = [{"collection": fold.before.name, "key": key} for key in fold.removed]
            await self._records.delete_many({"_id": {"$in": gone}}, session=session)


def _write_of(collection: str, fold: Fold, kept: Kept, document: Any) -> Write:
    """A whole document, never update operators: a user's field may be called `$set` or `a.b`."""
    if kept.created > fold.before.version:
        return InsertOne(document)
    return ReplaceOne({"_id": {"collection": collection, "key": kept.key}}, document)


def _sighted(collection: str, sightings: Iterable[Sighting]) -> Iterator[UpdateMany]:
    for sighting in sightings:
        feed = sighting.feed
        spot = {f"feeds.$[feed].spots.$[spot{n}].run": spot.run for n, spot in enumerate(feed.spots)}
        told = "feeds.$[feed].told"
        spots = [{f"spot{n}.source": spot.source} for n, spot in enumerate(feed.spots)]
        yield UpdateMany(
            {"_id": {"$in": [{"collection": collection, "key": key} for key in sighting.keys]}},
            {
                "$set": {
                    "last_seen": sighting.at,
                    "feeds.$[feed].run": feed.run,
                    "feeds.$[feed].order": feed.order,
                    **({} if feed.told is None else {told: feed.told}),
                    **spot,
                },
                **({"$unset": {told: ""}} if feed.told is None else {}),
            },
            array_filters=[{"feed.configuration": feed.configuration}, *spots],
        )


def _query_of(collection: str, unseen: Unseen) -> Document:
    feed: Document = {"configuration": unseen.configuration, "order": {"$lt": unseen.since}}
    if unseen.unchanged:
        feed["spots"] = {"$nin": [documents.document_of_spot(spot) for spot in unseen.unchanged]}
    return {"_id.collection": collection, "feeds": {"$elemMatch": feed}}
