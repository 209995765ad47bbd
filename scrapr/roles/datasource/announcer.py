"""The announcer: woken by the collections, it tells everybody in a collection's room what changed."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from scrapr.model.change import Changes
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
    """One replica's rooms. Each push goes on where the last one ended, so that a gap is seen by whoever has one."""

    def __init__(self, store: Store, settings: DatasourceSettings, *, token: str) -> None:
        self._store = store
        self._most = settings.push
        self._announced: dict[str, int] = {}
        self._rooms: set[str] = set()
        self.push = Push(room_of=self._room_of, admit=self._admit, token=token)

    async def announce(self) -> None:
        """Tell of every new version, until cancelled. Raises `Unavailable`, and then nobody waits to be told."""
        try:
            async for event in watch(self._store.collections, ADVANCES):
                if event is not None:
                    await self._tell(event["collection"], event["version"])
                    continue
                for collection in (await self._store.list_collections()).collections:
                    await self._tell(collection.name, collection.version)
        except Unavailable:
            self.push.dismiss()
            raise

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

    async def _tell(self, collection: str, latest: int) -> None:
        since = self._announced.get(collection, 0)
        if collection in self._rooms and latest > since:
            changes = await self._read(collection, since, latest)
            await self.push.emit(collection, "changes", changes.model_dump(mode="json"))
            metrics.ANNOUNCED.inc(len(changes.changes))
            latest = changes.latest
        self._announced[collection] = max(latest, since)

    async def _read(self, collection: str, since: int, latest: int) -> Changes:
        """The changes to tell of; of too many only that they are there: whoever wants them asks."""
        if latest - since > self._most:
            return Changes(collection=collection, since=since, version=since, latest=latest, changes=())
        return await self._store.stretch(collection, since=since, latest=latest, limit=self._most)
