"""The herald: told of the collections' versions, it tells webhooks how far each collection is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pymongo.asynchronous.client_session import AsyncClientSession

from scrapr.model.times import now
from scrapr.roles.datasource.hooks import events
from scrapr.roles.datasource.hooks.events import Hook
from scrapr.roles.datasource.hooks.outbox import Outbox
from scrapr.roles.datasource.hooks.registry import Registry
from scrapr.runtime.trigger import Trigger
from scrapr.storage.mongo import Database, Document, transact, translated


class Herald:
    """`items.changed`, from the versions as they are: one delivery of a collection waits for a webhook at a time,
    and the next one goes on where it ends, however many changes came meanwhile. A lost hint costs time alone."""

    def __init__(self, database: Database, registry: Registry, outbox: Outbox, *, reconcile: float) -> None:
        self._database = database
        self._collections = database["collections"]
        self._registry = registry
        self._outbox = outbox
        self._reconcile = reconcile
        self._marked: set[str] = set()
        self._all = True
        self._news = Trigger()

    def mark(self, collection: str | None) -> None:
        """Look at a collection anew, or at all of them."""
        if collection is None:
            self._all = True
        else:
            self._marked.add(collection)
        self._news.pull()

    async def look(self) -> None:
        """Look at what is marked, until cancelled."""
        while True:
            try:
                await self._look()
            except BaseException:
                self._all = True
                raise
            self._all |= not await self._news.wait(timeout=self._reconcile)

    async def _look(self) -> None:
        marked, self._marked = self._marked, set()
        query: Document = {} if self._all else {"_id": {"$in": list(marked)}}
        self._all = False
        hooks = [hook for hook in await self._registry.hooks() if "items.changed" in hook.events]
        if not hooks or not query.get("_id", True):
            return
        with translated():
            found = await self._collections.find(query, {"version": 1, "records": 1}).to_list()
        for collection in found:
            await self._tell(collection, hooks)

    async def _tell(self, collection: Document, hooks: Sequence[Hook]) -> None:
        for hook in hooks:
            if hook.disabled is None and hook.collection in {None, collection["_id"]}:
                await transact(self._database, partial(self._owe, hook, collection))

    async def _owe(self, hook: Hook, collection: Document, session: AsyncClientSession) -> None:
        name, version = collection["_id"], collection["version"]
        if await self._outbox.tells(hook.id, name, session):
            return
        since = await self._outbox.advance(hook.id, name, version, session)
        if since < version:
            event = events.of_items(name, since, version, collection["records"], now())
            await self._outbox.put([event], [hook], session)
