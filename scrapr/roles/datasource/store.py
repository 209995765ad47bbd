"""What callers may read: collections, records, changes, histories, runs."""

from __future__ import annotations

from bson import MaxKey

from scrapr.model.batch import ReducedRun, Runs
from scrapr.model.change import Change, Changes
from scrapr.model.collection import NEIGHBOURS, Collection, Collections, near
from scrapr.model.errors import Expired, NotFound
from scrapr.model.record import Records
from scrapr.roles.datasource import documents
from scrapr.storage.mongo import Database, Document, translated

THERE: Document = {"gone": {"$ne": True}}
"""Collections that were not dropped, or began anew since."""


class Store:
    """The readers' side of the datasource's database."""

    def __init__(self, database: Database) -> None:
        self.collections = database["collections"]
        self._records = documents.naive(database["records"])
        self._changes = documents.naive(database["changes"])
        self._runs = database["runs"]

    async def list_collections(self) -> Collections:
        """All collections, by name."""
        found = self.collections.find(THERE, {"feeders": 0}, sort=[("_id", 1)])
        with translated():
            return Collections(collections=tuple([documents.collection_of(each) async for each in found]))

    async def version(self, collection: str) -> int:
        """A collection's version; 0 where nothing was reduced into it yet."""
        with translated():
            found = await self.collections.find_one({"_id": collection, **THERE}, {"version": 1})
        return found["version"] if found else 0

    async def collection(self, collection: str) -> Collection:
        """What is known of a collection as a whole. Raises `NotFound`, which lists near names."""
        with translated():
            found = await self.collections.find_one({"_id": collection, **THERE}, {"feeders": 0})
            if found is not None:
                return documents.collection_of(found)
        meant = near(collection, await self._neighbours(collection))
        hint = f"; did you mean {', '.join(meant)}?" if meant else ""
        raise NotFound(f"There is no collection {collection[:100]!r}{hint}")

    async def _neighbours(self, collection: str) -> list[str]:
        """Of all names only those on both sides: who asks for what is not there yet may ask often."""
        found: list[str] = []
        with translated():
            for side, order in (("$lt", -1), ("$gt", 1)):
                names = self.collections.find({"_id": {side: collection}, **THERE}, {"_id": 1})
                found += [each["_id"] async for each in names.sort("_id", order).limit(NEIGHBOURS)]
        return found

    async def records(self, collection: str, *, after: int, limit: int) -> Records:
        """A page of records in the order of their creation.

        `version` is read first: a record may be newer than it, and never older.
        """
        version = (await self.collection(collection)).version
        found = self._records.find(
            {"_id.collection": collection, "created": {"$gt": after}}, sort=[("created", 1)], limit=limit
        )
        with translated():
            records = tuple([documents.record_of(each) for each in await found.to_list()])
        return Records.model_construct(
            collection=collection,
            version=version,
            records=records,
            next=records[-1].created if len(records) == limit else None,
        )

    async def changes(self, collection: str, *, since: int, limit: int) -> Changes:
        """The changes after version `since`, at most `limit`. Raises `NotFound`, and `Expired` if not all are kept.

        A `latest` below `since` tells that the caller has a future which this database does not know.
        """
        latest = (await self.collection(collection)).version
        stretch = await self.stretch(collection, since=since, latest=latest, limit=limit)
        # Versions have no gaps: as many as there are from the first to the last, so many must be there.
        if len(stretch.changes) < stretch.version - since or (not stretch.changes and latest > since):
            oldest = (await self.collection(collection)).oldest
            raise Expired(
                f"The changes of {collection} after version {since} are no longer all kept; the oldest version to ask "
                f"from is {oldest}; whoever has an older one loads the collection anew"
            )
        return stretch

    async def stretch(self, collection: str, *, since: int, latest: int, limit: int) -> Changes:
        """The changes after version `since` of a collection that is known to have come to `latest`."""
        after = {"collection": collection, "version": since}
        end = {"collection": collection, "version": MaxKey()}
        found = self._changes.find({"_id": {"$gt": after, "$lt": end}}, sort=[("_id", 1)], limit=limit)
        with translated():
            changes = documents.changes_of(await found.to_list())
        version = changes[-1].version if changes else since
        if changes:
            latest = max(latest, version)
        return Changes.model_construct(
            collection=collection, since=since, version=version, latest=latest, changes=changes
        )

    async def history(self, collection: str, key: str, *, limit: int) -> tuple[Change, ...]:
        """The newest `limit` changes of one record, as far as they are kept, oldest first. Raises `NotFound`."""
        await self.collection(collection)
        found = self._changes.find(
            {"_id.collection": collection, "key": key}, sort=[("_id.version", -1)], limit=limit
        )
        with translated():
            changes = documents.changes_of(reversed(await found.to_list()))
        if not changes and not await self._has(collection, key):
            raise NotFound(f"The collection {collection} never had a record with the key {key[:100]!r}")
        return changes

    async def _has(self, collection: str, key: str) -> bool:
        """Whether there is such a record; it outlives its changes."""
        with translated():
            found = await self._records.find_one({"_id": {"collection": collection, "key": key}}, {"_id": 1})
        return found is not None

    async def runs(self, *, configuration: str | None, collection: str | None, limit: int) -> Runs:
        """The newest runs, newest first."""
        wish = {"configuration": configuration, "collection": collection}
        query: Document = {name: value for name, value in wish.items() if value is not None}
        with translated():
            found = await self._runs.find(query, sort=[("started_at", -1)], limit=limit).to_list()
        return Runs(runs=tuple(run_of(document) for document in found))


def run_of(document: Document) -> ReducedRun:
    """A run as callers see it."""
    run, removed = document.pop("_id"), document.pop("removed", 0)
    document.pop("untold", None)
    if reduction := document.get("reduction"):
        reduction["removed"] = removed
    return ReducedRun.model_validate({**document, "run": run})
