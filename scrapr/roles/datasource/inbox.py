"""The inbox: every batch and run end once, durable before it is acknowledged, waiting until it is reduced."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import bson
import structlog
from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError, DuplicateKeyError

from scrapr.model.batch import Batch, Receipt, Run
from scrapr.model.errors import Conflict, StaleEpoch, TooLarge
from scrapr.roles.datasource import arrivals, health, metrics
from scrapr.roles.datasource.bounds import Bounds
from scrapr.roles.datasource.dropping import check_unchanged
from scrapr.roles.datasource.fence import Fence
from scrapr.roles.datasource.merge import key_of
from scrapr.roles.datasource.settings import DatasourceSettings
from scrapr.roles.datasource.standing import Effect, End, Page
from scrapr.runtime.convoy import Convoy
from scrapr.storage.mongo import Database, Document, translated

log = structlog.get_logger()
DOCUMENT_MOST = 16 * 2**20 - 64 * 2**10
"""Bytes of a document at most: MongoDB's limit, with room for what its reduction notes on it."""
ENDS_MOST = 100
DUPLICATE = 11000
"""MongoDB's code for an `_id` that is there already."""


@dataclass(eq=False)
class _Post:
    """What one request brought; `old` are the indexes of those that are there already."""

    documents: Sequence[RawBSONDocument]
    old: set[int] = field(default_factory=set)


class Inbox:
    """What scrapers hand over, in MongoDB's `inbox`."""

    def __init__(self, database: Database, settings: DatasourceSettings) -> None:
        self._database = database
        self.batches = database["inbox"]
        self.tokens = database["tokens"]
        self._fence = Fence(database)
        self._runs = database["runs"]
        self._settings = settings
        self._bounds = Bounds(database, settings)
        self._convoy: Convoy[_Post] = Convoy(self._write, most=DOCUMENT_MOST)
        self._own: set[str] = set()
        """What was taken here, and the change stream has not told of yet."""

    async def accept(self, given: Batch | Run) -> Receipt:
        """Keep a batch or a run's end; durable when this returns. A replay is acknowledged again.

        Raises `StaleEpoch`, `TooLarge`, `Conflict`, and `Unavailable` when too much waits already
        or MongoDB has too little room.
        """
        if isinstance(given, Batch):
            return (await self.accept_all([given]))[0]
        await self._bounds.check()
        await self._fence.check([given])
        await check_unchanged(self._database, given)
        await self._keep_run(given)
        [is_new] = await self._insert([arrivals.document_of_end(given)])
        return Receipt(accepted=0, duplicate=not is_new, run=given.run)

    async def accept_all(self, batches: Sequence[Batch]) -> tuple[Receipt, ...]:
        """Keep several batches, each as `accept` does. Where this raises `StaleEpoch` or `TooLarge`, none is kept."""
        await self._bounds.check()
        await self._fence.check(batches)
        runs = [batch.run or uuid.uuid4().hex for batch in batches]
        kept = [arrivals.document_of_batch(*each) for each in zip(batches, runs, strict=True)]
        are_new = await self._insert(kept)
        await self._look_again(
            batches, [each["_id"] for each, is_new in zip(kept, are_new, strict=True) if is_new]
        )
        return tuple(_receipt(*each) for each in zip(batches, runs, are_new, strict=True))

    async def _look_again(self, batches: Sequence[Batch], new: Sequence[str]) -> None:
        """Withdraw what became that of a late holder while it was written: it is not acknowledged."""
        try:
            await self._fence.check(batches)
        except StaleEpoch:
            with translated():
                await self.batches.delete_many({"_id": {"$in": new}, "waiting": "page"})
            raise

    async def announce(self, configuration: str, epoch: int) -> None:
        """A claim has a new holder. Raises `StaleEpoch` where there is a later one."""
        await self._fence.announce(configuration, epoch)

    def knows(self, batch: str) -> bool:
        """Whether a batch that the change stream tells of was taken here, and is no news then."""
        known = batch in self._own
        self._own.discard(batch)
        return known

    def forget(self) -> None:
        """The change stream may have left out some of what was taken here."""
        self._own.clear()

    async def _keep_run(self, run: Run) -> None:
        """Before its end: an end that is in the inbox always has its run."""
        found = await self._judge(run)
        kept = {**run.model_dump(exclude={"run", "finished", "unchanged"}), **asdict(found)}
        try:
            with translated():
                await self._runs.insert_one({"_id": run.run, **kept})
        except DuplicateKeyError:
            return
        metrics.RUNS.labels(found.state).inc()
        if found.state != "healthy":
            log.warning(
                found.state,
                run=run.run,
                configuration=run.configuration,
                collection=run.collection,
                reason=found.reason,
            )

    async def _judge(self, run: Run) -> health.Health:
        found = health.judge(run, await self._past(run))
        if run.configuration is None or not health.says_nothing_new(run):
            return found
        who = {"configuration": run.configuration, "revision": run.revision}
        with translated():
            last = await self._runs.find_one(who, sort=[("started_at", -1)])
        if last is None:
            return found
        return health.carry_on(found, last["outcome"], health.Health(last["state"], last["reason"]))

    async def _past(self, run: Run) -> list[Run]:
        """The newest good runs of the same configuration as it is that read some of its pages."""
        if run.configuration is None:
            return []
        who = {"configuration": run.configuration, "revision": run.revision}
        query: Document = {**who, "state": "healthy", "items": {"$gt": 0}}
        with translated():
            found = await self._runs.find(query, sort=[("started_at", -1)], limit=health.PAST).to_list()
        return [Run.model_construct(**each) for each in found]

    async def _insert(self, given: Sequence[Document]) -> list[bool]:
        """Whether each document is new here."""
        # Each is encoded once, and all before any is sent.
        post = _Post([_encode(document) for document in given])
        own = {document["_id"] for document in given}
        self._own |= own
        try:
            await self._convoy.join(post, sum(len(document.raw) for document in post.documents))
        except BaseException:
            self._own -= own
            raise
        self._own -= {given[index]["_id"] for index in post.old}
        for index in post.old:
            await self._check_replay(given[index])
        metrics.BATCHES.labels("duplicate").inc(len(post.old))
        metrics.BATCHES.labels("new").inc(len(given) - len(post.old))
        return [index not in post.old for index in range(len(given))]

    async def _write(self, posts: Sequence[_Post]) -> None:
        """Write what came at the same time at once: it becomes durable together."""
        places = [(post, index) for post in posts for index in range(len(post.documents))]
        try:
            with translated():
                await self.batches.insert_many(
                    [post.documents[index] for post, index in places], ordered=False
                )
        except BulkWriteError as error:
            problems = error.details["writeErrors"]
            if any(each["code"] != DUPLICATE for each in problems):
                raise
            for each in problems:
                post, index = places[each["index"]]
                post.old.add(index)

    async def _check_replay(self, document: Document) -> None:
        """Refuse what only has the id of something else: acknowledged as a replay, it would be lost."""
        with translated():
            stored = await self.batches.find_one({"_id": document["_id"]}, {"collection": 1, "digest": 1})
        if stored is None:
            return
        if stored["collection"] != document["collection"]:
            raise Conflict(
                f"Run {document['run']} belongs to the collection {stored['collection']}; "
                "a run feeds one collection"
            )
        # Ends have no digest, nor have batches that were kept before there were any.
        if stored.get("digest", document.get("digest")) != document.get("digest"):
            metrics.BATCHES.labels("conflict").inc()
            raise Conflict(
                f"Page {document['page']} of run {document['run']} is here already with other items; "
                "send these as another page or run"
            )

    async def waiting(self, collection: str) -> tuple[list[Page], bool]:
        """The batches of a collection that wait, oldest first, as many as one transaction takes; and if more do."""
        return await self._gather({"waiting": "page", "collection": collection})

    async def earlier(self, collection: str, grown: Mapping[str, int]) -> list[Page]:
        """What waits of earlier holders than those with the epochs `grown`, by configuration; the oldest first."""
        if not grown:
            return []
        older = [{"configuration": name, "epoch": {"$lt": epoch}} for name, epoch in grown.items()]
        pages, _ = await self._gather(
            {"waiting": "page", "collection": collection, "$or": older}, first=[("epoch", 1)]
        )
        return pages

    async def _gather(
        self, query: Document, first: Sequence[tuple[str, int]] = ()
    ) -> tuple[list[Page], bool]:
        """The batches that one transaction takes, by the order that is asked for `first`; and if there are more."""
        pages: list[Page] = []
        items = 0
        order = [*first, ("received_at", 1), ("page", 1)]
        found = self.batches.find(query, sort=order, limit=self._settings.gather_batches)
        with translated():
            async with found:
                async for document in found:
                    items += len(document["data"])
                    if pages and items > self._settings.gather_items:
                        return pages, True
                    pages.append(arrivals.page_of(document))
        return pages, len(pages) == self._settings.gather_batches

    async def ends(self, collection: str) -> list[End]:
        """The run ends of a collection that wait, oldest first."""
        found = self.batches.find(
            {"waiting": "end", "collection": collection}, sort=[("received_at", 1)], limit=ENDS_MOST
        )
        with translated():
            return [arrivals.end_of(document) async for document in found]

    async def effects(self, run: str) -> dict[int, Effect]:
        """What the reduced pages of a run did, by their numbers."""
        names = ("order", "created", "updated", "unkeyed", "quarantined", "fresh", "held")
        # ';' follows ':', so this is every id that begins with the run and a colon.
        pages = {"_id": {"$gt": f"{run}:", "$lt": f"{run};"}, "effect": {"$exists": True}, "page": {"$gt": 0}}
        with translated():
            return {
                each["page"]: Effect(**{name: each["effect"].get(name, 0) for name in names})
                async for each in self.batches.find(pages, {"page": 1, "effect": 1})
            }

    async def collections_waiting(self) -> list[str]:
        """The collections in which something waits."""
        with translated():
            names: list[Any] = await self.batches.distinct(
                "collection", {"waiting": {"$in": ["page", "end"]}}
            )
        return names

    async def set_aside(self, batch: str, reason: str) -> None:
        """Keep a batch that can never be reduced, with the reason, out of the others' way."""
        with translated():
            await self.batches.update_one(
                {"_id": batch, "waiting": "page"}, {"$unset": {"waiting": ""}, "$set": {"spoiled": reason}}
            )


def _encode(document: Document) -> RawBSONDocument:
    encoded = RawBSONDocument(bson.encode(document))
    if len(encoded.raw) > DOCUMENT_MOST:
        raise TooLarge(
            f"The batch takes {len(encoded.raw)} bytes as BSON; allowed: {DOCUMENT_MOST}; send its items "
            "as several pages"
        )
    return encoded


def _receipt(batch: Batch, run: str, is_new: bool) -> Receipt:
    unkeyed = sum(key_of(item, batch.key) is None for item in batch.data)
    metrics.ITEMS.inc(len(batch.data) if is_new else 0)
    if is_new and unkeyed:
        log.warning(
            "unkeyed",
            collection=batch.collection,
            run=run,
            page=batch.page,
            configuration=batch.configuration,
            key=batch.key,
            items=len(batch.data),
            unkeyed=unkeyed,
        )
    return Receipt(accepted=len(batch.data), duplicate=not is_new, unkeyed=unkeyed, run=run)
