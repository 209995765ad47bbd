"""The announcer tells everybody in a collection's room what changed: at once what this replica wrote, and what others
wrote when the collections' change stream tells of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from scrapr.model.change import VERSION_MOST, Change, Changes
from scrapr.model.collection import Name
from scrapr.model.errors import Unavailable
from scrapr.model.validation import parse
from scrapr.roles.datasource import metrics
from scrapr.roles.datasource.settings import DatasourceSettings
from scrapr.roles.datasource.store import Store
from scrapr.runtime.trigger import Trigger
from scrapr.storage.hearing import Ear
from scrapr.storage.mongo import Document
from scrapr.web.push import Push

_UPDATED, _WHOLE = "updateDescription.updatedFields.version", "fullDocument.version"
ADVANCES: Document = {"$or": [{_UPDATED: {"$gt": 0}}, {_WHOLE: {"$gt": 0}}]}
"""New versions of collections."""


class Wish(BaseModel):
    """What a client sends with `join`: the collection, and the version that it has."""

    model_config = ConfigDict(frozen=True)

    collection: Name
    since: Annotated[int, Field(ge=0, le=VERSION_MOST)] = 0


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
        self._news: dict[str, int] = {}
        """Versions that were heard of, and not looked at."""
        self._may_lack = False
        """There may be others that were not heard of."""
        self._trigger = Trigger()
        self._one_by_one = asyncio.Lock()
        self.push = Push(room_of=self._room_of, admit=self._admit, token=token)

    @property
    def ear(self) -> Ear:
        """For new versions; where they are not heard of, nobody waits to be told."""
        return Ear(
            self._store.collections.name, ADVANCES, self._hear, (_UPDATED, _WHOLE), lost=self.push.dismiss
        )

    async def announce(self) -> None:
        """Tell of every new version, until cancelled. Raises `Unavailable`, and then nobody waits to be told."""
        try:
            while True:
                await self._trigger.wait()
                await self._look()
        except Unavailable:
            self._may_lack = True
            self._trigger.pull()
            self.push.dismiss()
            raise

    async def _hear(self, event: Document | None) -> None:
        if event is None:
            self._may_lack = True
        else:
            self._news[event["documentKey"]["_id"]] = _version_in(event)
        self._trigger.pull()
        self._heard(None if event is None else event["documentKey"]["_id"])

    async def _look(self) -> None:
        """Tell what was heard of since the last look."""
        if self._may_lack:
            self._may_lack = False
            for collection in (await self._store.list_collections()).collections:
                await self._tell_up_to(collection.name, collection.version)
        while self._news:
            name = next(iter(self._news))
            await self._tell_up_to(name, self._news.pop(name))

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

    async def _tell_up_to(self, collection: str, latest: int) -> None:
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


def _version_in(event: Document) -> int:
    """An event of `ADVANCES` is of an update, or of the whole."""
    updated = event.get("updateDescription", {}).get("updatedFields", {})
    version: int = (updated or event["fullDocument"])["version"]
    return version


def _pieces(changes: Sequence[Change], most: int) -> list[Sequence[Change]]:
    """`changes` in pieces of up to `most`; one that is empty where there are none, or none may be told."""
    return [changes[at : at + most] for at in range(0, len(changes), most)] if changes and most else [()]
