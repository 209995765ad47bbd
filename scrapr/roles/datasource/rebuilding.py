"""Rebuilding: a collection's batches are reduced once more beside its records, then the records are compared.

It goes step by step between the reductions of what arrives, in the hands of the replica that holds the collection.
Readers see the records as they are all the while, and corrections as changes: never less than there was.
"""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import replace
from itertools import count
from typing import Any

import structlog
from bson import MaxKey

from scrapr.model.errors import Expired, NotFound
from scrapr.model.rebuild import Rebuild
from scrapr.model.times import now
from scrapr.roles.datasource import arrivals, comparing, documents, removal
from scrapr.roles.datasource.ledger import Ledger
from scrapr.roles.datasource.reduce import fold, keys_of
from scrapr.roles.datasource.settings import DatasourceSettings
from scrapr.roles.datasource.shelf import Shelf
from scrapr.roles.datasource.standing import Effect, End, Kept, Page, Standing
from scrapr.storage.mongo import Collection, Database, Document, translated

log = structlog.get_logger()
PIECE = 1000
"""Items that are reduced, and records that are compared and corrected, at once."""
BATCHES = 500


class Replay:
    """A collection's batches reduced once more. `standing` is how far it came."""

    def __init__(
        self, database: Database, settings: DatasourceSettings, identity: str, start: Standing
    ) -> None:
        self.standing = start
        self.identity = identity
        self.compared: str | None = ""
        """The last key that was compared; None once all were."""
        self.found: Counter[str] = Counter()
        self._inbox = database["inbox"]
        self._shelf = Shelf(database["rebuilt"])
        self._settings = settings
        self._effects: dict[str, dict[int, Effect]] = {}

    async def advance(self, up_to: int) -> None:
        """Reduce the batches that come next in order, as many as one transaction takes. Raises `Expired`."""
        before = self.standing.order
        orders = {"$gt": before, "$lte": up_to}
        query: Document = {"collection": self.standing.name, "order": orders}
        expected = count(self.standing.order + 1)
        pages: list[Page] = []
        room = PIECE
        with translated():
            async with self._inbox.find(query, sort=[("order", 1)], limit=BATCHES) as found:
                async for document in found:
                    if document["order"] != next(expected):
                        break
                    if "outcome" in document:
                        await self._reduce(pages)
                        await self._end(arrivals.end_of(document), document["run"])
                        pages.clear()
                        continue
                    pages.append(arrivals.page_of(document))
                    room -= len(pages[-1].items)
                    if room <= 0:
                        break
        await self._reduce(pages)
        if self.standing.order == before:
            raise Expired(
                f"Batch {self.standing.order + 1} of {self.standing.name} is no longer kept, so its records cannot be "
                "made again from its batches alone; they stay as they are"
            )

    async def _reduce(self, pages: list[Page]) -> None:
        if not pages:
            return
        old = await self._shelf.recall(self.standing.name, keys_of(pages))
        folded = fold(self.standing, old, pages, most=self._settings.collected)
        with translated():
            await self._shelf.put(folded, await self._shelf.prepare(folded))
        for page in pages:
            number = int(page.id.rpartition(":")[2])
            self._effects.setdefault(page.run, {})[number] = folded.effects[page.id]
        self.standing = folded.after

    async def _end(self, end: End, run: str) -> None:
        effects = self._effects.pop(run, {})
        whole, most = removal.is_whole(end, effects), PIECE
        while True:
            known = list(effects.values())
            _, unseen = await self._shelf.to_forget(self.standing, end, known, whole=whole, most=most)
            is_last = len(unseen) < most
            part = removal.forget(self.standing, end, unseen, is_last=is_last)
            with translated():
                await self._shelf.put(part, await self._shelf.prepare(part))
            self.standing = part.after
            if is_last:
                return


class Rebuilder:
    """Takes requests, and goes on with them when the reducer lets it. What another replica began is begun anew."""

    def __init__(self, database: Database, ledger: Ledger, settings: DatasourceSettings) -> None:
        self._database = database
        self._collections = database["collections"]
        self._ledger = ledger
        self._settings = settings
        self._replays: dict[str, Replay] = {}

    async def request(self, collection: str) -> Rebuild:
        """Ask for a rebuild; one that waits is not asked for twice. Raises `NotFound`."""
        asked = Rebuild(id=uuid.uuid4().hex, state="waiting", requested_at=now())
        there: Document = {"_id": collection, "gone": {"$ne": True}}
        with translated():
            await self._collections.update_one(
                {**there, "rebuild.state": {"$ne": "waiting"}}, {"$set": {"rebuild": asked.model_dump()}}
            )
        return await self.tell(collection)

    async def tell(self, collection: str) -> Rebuild:
        """The newest rebuild. Raises `NotFound`."""
        with translated():
            found = await self._collections.find_one(
                {"_id": collection, "gone": {"$ne": True}}, {"rebuild": 1}
            )
        if found is None or not found.get("rebuild"):
            raise NotFound(f"There is no collection {collection[:100]!r} that was ever to be rebuilt")
        return Rebuild.model_validate(found["rebuild"])

    async def step(self, collection: str) -> bool:
        """Do a part of a rebuild that waits; whether there is more to do."""
        standing = await self._ledger.standing(collection)
        if standing.rebuild is None:
            return False
        replay = self._replays.get(collection)
        if replay is None or replay.identity != standing.rebuild:
            replay = self._replays[collection] = await self._begin(standing, standing.rebuild)
        try:
            if replay.standing.order < standing.order:
                await replay.advance(standing.order)
                return True
        except Expired as error:
            await self._finish(replay, standing, "refused", error=error.detail)
            return False
        if replay.compared is not None:
            await self._compare(replay, standing)
            return True
        await self._settle(replay, standing)
        return False

    async def _begin(self, standing: Standing, identity: str) -> Replay:
        with translated():
            await self._database["rebuilt"].delete_many({"_id.collection": standing.name})
        dropped = standing.dropped
        start = Standing(standing.name, order=dropped.order if dropped else 0)
        return Replay(self._database, self._settings, identity, start)

    async def _compare(self, replay: Replay, standing: Standing) -> None:
        """Put the next records right, in a transaction if any are wrong."""
        after = replay.compared or ""
        there = await self._read(self._database["records"], standing.name, after)
        right = await self._read(self._database["rebuilt"], standing.name, after)
        # Only up to where both were read may they be compared.
        ends = [max(each) for each in (there, right) if len(each) == PIECE]
        edge = min(ends) if ends else None
        if edge is not None:
            there = {key: kept for key, kept in there.items() if key <= edge}
            right = {key: kept for key, kept in right.items() if key <= edge}
        fold_ = comparing.correct(standing, there, right, run=f"rebuild-{replay.identity}", at=now())
        if fold_.written or fold_.removed:
            await self._ledger.reduce(fold_, ())
        replay.found.update(change.op for change in fold_.changes)
        replay.compared = edge

    async def _read(self, collection: Collection, name: str, after: str) -> dict[str, Kept]:
        between = {"$gt": {"collection": name, "key": after}, "$lt": {"collection": name, "key": MaxKey()}}
        if not after:
            between["$gte"] = between.pop("$gt")
        found = documents.naive(collection).find({"_id": between}, sort=[("_id", 1)], limit=PIECE)
        with translated():
            kept = [documents.kept_of(each) for each in await found.to_list()]
        return {each.key: each for each in kept}

    async def _settle(self, replay: Replay, standing: Standing) -> None:
        """What is counted of the records, is counted anew, too."""
        right = replace(standing, held=dict(replay.standing.held), records=replay.standing.records)
        if right != replace(standing, held=dict(standing.held)):
            await self._ledger.reduce(comparing.correct(right, {}, {}, run="", at=now()), ())
        await self._finish(replay, standing, "done")

    async def _finish(
        self, replay: Replay, standing: Standing, state: str, *, error: str | None = None
    ) -> None:
        start = standing.dropped.order if standing.dropped else 0
        ops = {"create": "created", "update": "updated", "remove": "removed"}
        told: dict[str, Any] = {name: replay.found[op] for op, name in ops.items()}
        told |= {
            "state": state,
            "finished_at": now(),
            "error": error,
            "batches": replay.standing.order - start,
        }
        with translated():
            await self._collections.update_one(
                {"_id": standing.name, "rebuild.id": replay.identity},
                {"$set": {f"rebuild.{name}": value for name, value in told.items()}},
            )
            await self._database["rebuilt"].delete_many({"_id.collection": standing.name})
        self._replays.pop(standing.name, None)
        log.info("rebuilt", collection=standing.name, **told)
