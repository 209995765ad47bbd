"""The announcer tells everybody in a collection's room what changed: at once what this replica wrote, and what others
wrote when the collections' change stream tells of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from scrapr.model.change import Change, Changes
from scrapr.model.collection import Name
from scrapr.model.errors import Unavailable
from scrapr.model.validation import parse
from scrapr.roles.datasource import metrics
from scrapr.roles.datasource.settings import DatasourceSettings
from scrapr.roles.datasource.store import Store
from scrapr.storage.change_stream import watch
from scrapr.storage.mongo import Document
from scrapr.web.push import Push

ADVANCES: list[Document] = [
    {"$match": {"operationType": {"$in": ["insert", "update", "replace"]}}},
    {
        "$project": {
            "collection": "$documentKey._id",
            "version": {"$ifNull": ["$updateDescription.updatedFields.version", "$fullDocument.version"]},
        }
    },
    {"$match": {"version": {"$gt": 0}}},
]
"""New versions of collections."""


class Wish(BaseModel):
    """What a client sends with `join`: the collection, and the version that it has."""

    model_config = ConfigDict(frozen=True)

    collection: Name
    since: Annotated[int, Field(ge=0)] = 0


class Announcer:
    """One replica's rooms. Each push goes on where the last one ended, so that a gap is seen by whoever has one.

    `heard` is told of each collection that has a new version; None is any of them.
    """

    def __init__(
        self, store: Store, settings: DatasourceSettings, *, token: str, heard: Callable[[str | None], None]
    ) -> None:
        self._store = store
        self._heard = heard
        self._most = settings.push
        self._announced: dict[str, int] = {}
        self._rooms: set[str] = set()
        self._one_by_one = asyncio.Lock()
        self.push = Push(room_of=self._room_of, admit=self._admit, token=token)

    async def announce(self) -> None:
        """Tell of every new version, until cancelled. Raises `Unavailable`, and then nobody waits to be told."""
        try:
            async for event in watch(self._store.collections, ADVANCES):
                self._heard(None if event is None else event["collection"])
                if event is not None:
                    await self._hear(event["collection"], event["version"])
                    continue
                for collection in (await self._store.list_collections()).collections:
                    await self._hear(collection.name, collection.version)
        except Unavailable:
            self.push.dismiss()
            raise

    async def tell(self, changes: Sequence[Change]) -> None:
        """Tell of what was just written here, if it goes on where the last push ended; else `announce` will."""
        first, last = changes[0], changes[-1]
        async with self._one_by_one:
            since = self._announced.get(first.collection, 0)
            if first.version <= since + 1 <= last.version:
                await self._emit(first.collection, since, last.version, changes[since + 1 - first.version :])

    def _room_of(self, wish: Any) -> str:
        room = parse(Wish, wish).collection
        self._rooms.add(room)
        return room

    async def _admit(self, wish: Any) -> dict[str, Any]:
        """Tell the newcomer where the collection is; all that comes after is told to its room."""
        collection = parse(Wish, wish).collection
        version = await self._store.version(collection)
        self._announced.setdefault(collection, version)
        return {"version": version}

    async def _hear(self, collection: str, latest: int) -> None:
        async with self._one_by_one:
            since = self._announced.get(collection, 0)
            if latest <= since:
                return
            changes: Sequence[Change] = ()
            if collection in self._rooms and latest - since <= self._most:
                found = await self._store.stretch(collection, since=since, latest=latest, limit=self._most)
                latest, changes = found.latest, found.changes
            await self._emit(collection, since, latest, changes)

    async def _emit(self, collection: str, since: int, latest: int, changes: Sequence[Change]) -> None:
        """Tell of the changes piece by piece; without them only that they are there: whoever wants them asks."""
        if collection in self._rooms:
            for told in _pieces(changes, self._most):
                version = told[-1].version if told else since
                stretch = Changes.model_construct(
                    collection=collection, since=since, version=version, latest=latest, changes=tuple(told)
                )
                await self.push.emit(collection, "changes", stretch.told())
                metrics.ANNOUNCED.inc(len(told))
                since = version
        self._announced[collection] = latest


def _pieces(changes: Sequence[Change], most: int) -> list[Sequence[Change]]:
    """`changes` in pieces of up to `most`; one that is empty where there are none, or none may be told."""
    return [changes[at : at + most] for at in range(0, len(changes), most)] if changes and most else [()]
