"""A collection that is dropped begins anew: what came so far goes, its versions go on.

Were the versions to begin at 1 again, whoever followed the old collection could take the changes of the new one for
those that it lacks. So the collection's document stays, as the place where its next life begins.
"""

from __future__ import annotations

import structlog

from scrapr.model.batch import Run
from scrapr.model.errors import Conflict, NotFound
from scrapr.model.times import now
from scrapr.roles.datasource.standing import Drop
from scrapr.storage.mongo import Collection, Database, Document, translated

log = structlog.get_logger()
PIECE = 5000
"""Documents that are deleted at once."""


class Dropper:
    """First the collection is gone for every reader and writer, in one write; then what it left is swept.

    Whoever finds it half swept goes on; sweeping twice does no harm, for it takes only what came before the drop.
    """

    def __init__(self, database: Database) -> None:
        self._collections = database["collections"]
        self._records = database["records"]
        self._changes = database["changes"]
        self._left = (
            (database["inbox"], "received_at"),
            (database["quarantine"], "at"),
            (database["runs"], "finished_at"),
        )

    async def drop(self, collection: str) -> None:
        """Forget a collection; done when this returns. Raises `NotFound`."""
        at, gone = now(), {"$add": ["$version", 1]}
        dropped = {"version": gone, "order": "$order", "at": at, "is_done": False}
        update: Document = {
            # Whoever is about to write has read another turn and epoch.
            **{name: {"$add": [f"${name}", 1]} for name in ("turn", "epoch")},
            "version": gone,
            "oldest": gone,
            "records": 0,
            "feeders": [],
            "updated_at": at,
            "gone": True,
            "dropped": dropped,
            "rebuild": None,
            "holder": None,
            "expires_at": None,
        }
        with translated():
            alive = {"_id": collection, "gone": {"$ne": True}}
            await self._collections.update_one(alive, [{"$set": update}])
            # One that somebody left half swept is swept to its end.
            found = await self._collections.find_one(
                {"_id": collection, "dropped.is_done": False}, {"dropped": 1}
            )
        if found is None:
            raise NotFound(f"There is no collection {collection[:100]!r}")
        await self.finish(collection, Drop(**found["dropped"]))

    async def finish(self, collection: str, drop: Drop) -> None:
        """Sweep what a dropped collection left."""
        of_it = {"_id.collection": collection}
        await self._sweep(self._records, {**of_it, "created": {"$lte": drop.version}})
        end = {"collection": collection, "version": drop.version}
        await self._sweep(self._changes, {"_id": {"$gte": {**end, "version": 0}, "$lte": end}})
        for left, time in self._left:
            await self._sweep(left, {"collection": collection, time: {"$lte": drop.at}})
        with translated():
            await self._collections.update_one(
                {"_id": collection, "dropped.version": drop.version}, {"$set": {"dropped.is_done": True}}
            )
        log.info("collection dropped", collection=collection, version=drop.version)

    async def _sweep(self, collection: Collection, query: Document) -> None:
        while True:
            with translated():
                found = await collection.find(query, {"_id": 1}, limit=PIECE).to_list()
                await collection.delete_many({"_id": {"$in": [each["_id"] for each in found]}})
            if len(found) < PIECE:
                return


async def check_unchanged(database: Database, run: Run) -> None:
    """Raise `Conflict` where a run counts on pages whose items went when its collection was dropped."""
    if not run.unchanged:
        return
    with translated():
        found = await database["collections"].find_one({"_id": run.collection}, {"dropped.at": 1})
        if found is None or not found.get("dropped"):
            return
        since = {"_id": {"$in": list(run.unchanged)}, "started_at": {"$gt": found["dropped"]["at"]}}
        known = await database["runs"].count_documents(since)
    if known < len(run.unchanged):
        raise Conflict(
            f"The collection {run.collection} was dropped since its unchanged pages were read; read them again"
        )
