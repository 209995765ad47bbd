"""What config keeps in MongoDB: configurations and pools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import BulkWriteError

from scrapr.model.configuration import Configuration, Draft
from scrapr.model.errors import Conflict, Unavailable
from scrapr.model.pool import PoolDraft
from scrapr.model.validation import NEWER
from scrapr.roles.config import claiming, document
from scrapr.storage.mongo import AWAY, Database, Document, translated

DUPLICATE = 11000


class ConfigurationStore:
    """The configurations. Every method raises `Unavailable`."""

    def __init__(self, database: Database) -> None:
        self._all = database["configurations"]

    async def prepare(self) -> None:
        """Make the indexes; one of them allows a collection only one endpoint configuration."""
        with translated():
            await self._all.create_index(
                "collection", name="one_endpoint", unique=True, partialFilterExpression={"type": "endpoint"}
            )
            await self._all.create_index("collection")
            await self._all.create_index("expires_at")
            for seat in claiming.SEATS:
                await self._all.create_index(f"container{seat}", sparse=bool(seat))

    async def add(self, draft: Draft, endpoint: Draft | None) -> Configuration:
        """Store `draft`, and `endpoint` unless its collection has one. Raises `Conflict`.

        One command for both, the endpoint first: there is no moment at which a scraper's collection lacks it.
        """
        made = document.create(str(ObjectId()), draft)
        companion = [document.create(str(ObjectId()), endpoint)] if endpoint else []
        try:
            with translated():
                await self._all.insert_many([*companion, made], ordered=False)
        except BulkWriteError as error:
            self._judge(error, made)
        return document.configuration(made)

    @staticmethod
    def _judge(error: BulkWriteError, made: Document) -> None:
        """Let pass that the endpoint is there already, and nothing else."""
        details: Mapping[str, Any] = error.details or {}
        if details.get("writeConcernErrors"):
            raise Unavailable(f"MongoDB: {details['writeConcernErrors']}", public=AWAY) from error
        for each in details["writeErrors"]:
            if each["code"] != DUPLICATE:
                raise error
            if each["op"]["_id"] == made["_id"]:
                raise Conflict(f"The collection {made['collection']} has an endpoint already") from error

    async def find(self, identity: str) -> Configuration | None:
        """The configuration with that id."""
        found = await self.select({"_id": identity}, limit=1)
        return found[0] if found else None

    async def select(self, where: Document, *, limit: int) -> tuple[Configuration, ...]:
        """Up to `limit` configurations in the order of their creation."""
        stages: list[Document] = [{"$match": where}, {"$sort": {"_id": 1}}, {"$limit": limit}, claiming.SHOWN]
        with translated():
            found = await (await self._all.aggregate(stages)).to_list()
        return tuple(map(document.configuration, found))

    async def replace(self, present: Configuration, draft: Draft) -> Configuration | None:
        """Make `present` what `draft` says; None if it is no longer as `present` was read."""
        with translated():
            found = await self._all.find_one_and_update(
                {"_id": present.id, "revision": present.revision},
                document.replacement(present, draft),
                return_document=ReturnDocument.AFTER,
            )
        return document.configuration(found) if found else None

    async def remove(self, identity: str) -> bool:
        """Delete a configuration; False if there is none."""
        with translated():
            return (await self._all.delete_one({"_id": identity})).deleted_count == 1

    async def place_of(self, identity: str | None) -> Document:
        """The `type` and `pool` of a configuration; empty where there is none."""
        with translated():
            return await self._all.find_one({"_id": identity}, {"_id": 0, "type": 1, "pool": 1}) or {}

    async def count(self) -> tuple[Document, ...]:
        """How many `configurations` each `type` and `pool` has, how many are `claimed`, and by how many `claims`."""
        group = {
            "_id": {"type": "$type", "pool": "$pool"},
            "configurations": {"$sum": 1},
            "claimed": {"$sum": {"$cond": ["$claims", 1, 0]}},
            "claims": {"$sum": "$claims"},
        }
        stages: list[Document] = [{"$set": {"claims": claiming.counted()}}, {"$group": group}]
        with translated():
            found = await (await self._all.aggregate(stages)).to_list()
        return tuple({**each.pop("_id"), **each} for each in found)


class PoolStore:
    """The pools: those that operators described, upon the `defaults`. Every method raises `Unavailable`."""

    def __init__(self, database: Database, defaults: Mapping[str, PoolDraft]) -> None:
        self._all = database["pools"]
        self._defaults = defaults

    async def find_all(self) -> dict[str, PoolDraft]:
        """Each pool by its name."""
        with translated():
            found = await self._all.find().to_list()
        return {
            **self._defaults,
            **{each.pop("_id"): PoolDraft.model_validate(each, extra=NEWER) for each in found},
        }

    async def find(self, name: str) -> PoolDraft | None:
        """The pool of that name."""
        with translated():
            found = await self._all.find_one({"_id": name}, {"_id": 0})
        return self._defaults.get(name) if found is None else PoolDraft.model_validate(found, extra=NEWER)

    async def put(self, name: str, draft: PoolDraft) -> None:
        """Create or change a pool."""
        with translated():
            await self._all.replace_one({"_id": name}, draft.model_dump(), upsert=True)

    async def remove(self, name: str) -> bool:
        """Delete a pool; False if there is none."""
        with translated():
            return (await self._all.delete_one({"_id": name})).deleted_count == 1
