"""The past of a collection: which version it had at a time, and its records as they were, from its changes."""

from __future__ import annotations

from datetime import datetime

from scrapr.model.collection import Collection
from scrapr.model.errors import Expired, FieldError, Invalid
from scrapr.model.moment import show_moment
from scrapr.model.record import Record, Records
from scrapr.roles.datasource import documents
from scrapr.roles.datasource.rewind import Rewinding
from scrapr.roles.datasource.store import Store
from scrapr.storage.mongo import Database, Document, translated


class Past:
    """Reads what is there now, and takes back what changed since; a change in between is taken back, too."""

    def __init__(self, database: Database, store: Store) -> None:
        self._store = store
        self._records = documents.naive(database["records"])
        self._changes = documents.naive(database["changes"])

    async def records(self, name: str, at: int | datetime, *, after: int, limit: int) -> Records:
        """A page of the records as they were, in the order of their creation; `version` is that of then.

        Raises `NotFound`, `Invalid` for a version that is still to come, and `Expired`.
        """
        collection = await self._store.collection(name)
        version = at if isinstance(at, int) else await self._version_at(collection, at)
        _check(collection, version, at)
        records = await self._rewound(name, version, after=after, limit=limit)
        # Changes expire while they are read, and the oldest that is kept says so before they do.
        _check(await self._store.collection(name), version, at)
        return Records.model_construct(
            collection=name,
            version=version,
            records=records,
            next=records[-1].created if len(records) == limit else None,
        )

    async def _version_at(self, collection: Collection, at: datetime) -> int:
        """The last version up to a time: versions have no gaps, and their times never go back."""
        if collection.updated_at is None or at >= collection.updated_at:
            return collection.version
        low, high = collection.oldest, collection.version
        while low < high:
            middle = (low + high) // 2 + 1
            changed_at = await self._time_of(collection.name, middle)
            if changed_at is None or changed_at <= at:
                low = middle
            else:
                high = middle - 1
        if low == collection.oldest and low > 0:
            raise _expired(collection, at)
        return low

    async def _time_of(self, name: str, version: int) -> datetime | None:
        with translated():
            found = await self._changes.find_one({"_id": {"collection": name, "version": version}}, {"at": 1})
        return None if found is None else documents.aware(found["at"])

    async def _rewound(self, name: str, version: int, *, after: int, limit: int) -> tuple[Record, ...]:
        """Those that are there still are read first: what is removed meanwhile is found among the removed."""
        created = {"$gt": after, "$lte": version}
        there = self._records.find(
            {"_id.collection": name, "created": created}, sort=[("created", 1)], limit=limit
        )
        removed: Document = {"op": "remove", "_id.collection": name, "_id.version": {"$gt": version}}
        gone = self._changes.find({**removed, "was.created": created}, sort=[("was.created", 1)], limit=limit)
        with translated():
            found = [documents.record_of(each) for each in await there.to_list()]
            found += [documents.removed_of(each) for each in await gone.to_list()]
        lives = {record.created: record for record in found}
        page = {each: Rewinding(lives[each]) for each in sorted(lives)[:limit]}
        await self._take_back(name, version, page, [lives[each].key for each in page])
        return tuple(each.record() for each in page.values())

    async def _take_back(self, name: str, version: int, page: dict[int, Rewinding], keys: list[str]) -> None:
        """A key that was removed and came again has several lives, told apart by when they began."""
        updates = {"_id.collection": name, "key": {"$in": keys}, "_id.version": {"$gt": version}}
        with translated():
            async for document in self._changes.find({**updates, "op": "update"}):
                undo = documents.undo_of(document)
                if (rewinding := page.get(undo.was.created)) is not None:
                    rewinding.take_back(undo)


def _check(collection: Collection, version: int, at: int | datetime) -> None:
    if version > collection.version:
        known = f"a version up to {collection.version}, or a time"
        raise Invalid(FieldError(field="at", problem=f"version {version} is still to come", allowed=known))
    if version < collection.oldest:
        raise _expired(collection, at)


def _expired(collection: Collection, at: int | datetime) -> Expired:
    return Expired(
        f"{collection.name} as of {show_moment(at)} is no longer kept; the oldest version that can be asked for is "
        f"{collection.oldest}"
    )
