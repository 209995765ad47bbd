"""What config keeps in MongoDB: configurations with the claims on them, and pools."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import structlog
from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import BulkWriteError

from scrapr.model.claim import ClaimRequest, Claims
from scrapr.model.configuration import Configuration, Draft
from scrapr.model.errors import Conflict, Unavailable
from scrapr.model.pool import PoolDraft
from scrapr.roles.config import claiming, document, hints, metrics
from scrapr.storage import change_stream
from scrapr.storage.mongo import Database, Document, translated

log = structlog.get_logger()
DUPLICATE = 11000
BATCH = 10_000
"""Documents that one round trip may bring; the first of them brings but 101 unless asked for more."""
ROUNDS = 100
"""Tries of one request to take what is free; more are needed only where that many others were faster each time."""


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
            await self._all.create_index("container")
            await self._all.create_index("expires_at")

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
            raise Unavailable(f"MongoDB: {details['writeConcernErrors']}") from error
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
        """How many `configurations` each `type` and `pool` has, and how many of them are `claimed`."""
        claimed = {"$cond": [{"$gt": ["$expires_at", "$$NOW"]}, 1, 0]}
        group = {
            "_id": {"type": "$type", "pool": "$pool"},
            "configurations": {"$sum": 1},
            "claimed": {"$sum": claimed},
        }
        with translated():
            found = await (await self._all.aggregate([{"$group": group}])).to_list()
        return tuple({**each.pop("_id"), **each} for each in found)

    async def news(self) -> AsyncIterator[Document | None]:
        """Changes as they happen, None where some may be missing."""
        async for event in change_stream.watch(self._all, hints.NEWS):
            yield event


class ClaimStore:
    """The claims, which are part of the configurations. Every method raises `Unavailable`."""

    def __init__(self, database: Database, lease: float) -> None:
        self._all = database["configurations"]
        self._lease = lease

    async def claim(self, request: ClaimRequest) -> Claims:
        """Renew what the container holds, take what is free up to its slots, oldest first; all it holds then.

        Each write repeats the condition under which it may happen, so claimers need not wait for each other:
        who comes too late finds fewer free and looks again. Three round trips where there is nothing to take.
        """
        place, own = claiming.served_by(request), {"container": request.container}
        await self._renew({**place, **own}, fresh=request.fresh)
        found = await self._find({**place, **own})
        held, surplus = found[: request.slots], found[request.slots :]
        await self._give_back(surplus, request.container)
        by_id = {each["_id"]: each for each in held}
        for _ in range(ROUNDS):
            free = await self._free(place, request.slots - len(by_id)) if len(by_id) < request.slots else []
            if not free:
                break
            by_id |= {each["_id"]: each for each in await self._take(free, place, request.container)}
        if surplus or len(by_id) > len(held):
            counts = {"held": len(by_id), "taken": len(by_id) - len(held), "given_back": len(surplus)}
            log.info("claims", container=request.container, **place, **counts)
        return self._claims(request.container, [by_id[identity] for identity in sorted(by_id)])

    async def renew(self, container: str) -> Claims:
        """Renew what the container holds, of whatever type and pool; all it holds."""
        await self._renew({"container": container}, fresh=False)
        return self._claims(container, await self._find({"container": container}))

    async def release(self, container: str) -> int:
        """Give back all that the container holds; how many those were."""
        return await self._release({"container": container})

    async def sweep(self) -> int:
        """Free the claims whose lease has ended, so that others hear of them; how many those were."""
        with translated():
            lost = (await self._all.update_many(claiming.EXPIRED, claiming.RELEASE)).modified_count
        metrics.LOST.inc(lost)
        return lost

    async def _renew(self, where: Document, *, fresh: bool) -> None:
        when = {} if fresh else claiming.due(self._lease)
        update = claiming.renewal(self._lease, fresh=fresh)
        with translated():
            metrics.RENEWED.inc((await self._all.update_many({**where, **when}, update)).modified_count)

    async def _find(self, where: Document) -> list[Document]:
        with translated():
            return await self._all.find(where).sort("_id").batch_size(BATCH).to_list()

    async def _free(self, place: Document, limit: int) -> list[str]:
        with translated():
            found = self._all.find({**place, **claiming.FREE}, {"_id": 1}).sort("_id").limit(limit)
            return [each["_id"] for each in await found.to_list()]

    async def _take(self, free: list[str], place: Document, container: str) -> list[Document]:
        wanted = {"_id": {"$in": free}, **place}
        update = claiming.taking(container, self._lease)
        with translated():
            taken = (await self._all.update_many({**wanted, **claiming.FREE}, update)).modified_count
        metrics.TAKEN.inc(taken)
        return await self._find({**wanted, "container": container}) if taken else []

    async def _give_back(self, surplus: list[Document], container: str) -> None:
        if surplus:
            await self._release({"_id": {"$in": [each["_id"] for each in surplus]}, "container": container})

    async def _release(self, where: Document) -> int:
        with translated():
            released = (await self._all.update_many(where, claiming.RELEASE)).modified_count
        metrics.RELEASED.inc(released)
        return released

    def _claims(self, container: str, held: list[Document]) -> Claims:
        return Claims(container=container, lease=self._lease, claims=tuple(map(document.claim, held)))


class PoolStore:
    """The pools: those that operators described, upon the `defaults`. Every method raises `Unavailable`."""

    def __init__(self, database: Database, defaults: Mapping[str, PoolDraft]) -> None:
        self._all = database["pools"]
        self._defaults = defaults

    async def find_all(self) -> dict[str, PoolDraft]:
        """Each pool by its name."""
        with translated():
            found = await self._all.find().to_list()
        return {**self._defaults, **{each.pop("_id"): PoolDraft.model_validate(each) for each in found}}

    async def find(self, name: str) -> PoolDraft | None:
        """The pool of that name."""
        with translated():
            found = await self._all.find_one({"_id": name}, {"_id": 0})
        return self._defaults.get(name) if found is None else PoolDraft.model_validate(found)

    async def put(self, name: str, draft: PoolDraft) -> None:
        """Create or change a pool."""
        with translated():
            await self._all.replace_one({"_id": name}, draft.model_dump(), upsert=True)

    async def remove(self, name: str) -> bool:
        """Delete a pool; False if there is none."""
        with translated():
            return (await self._all.delete_one({"_id": name})).deleted_count == 1

    async def news(self) -> AsyncIterator[Document | None]:
        """Changes as they happen, None where some may be missing."""
        async for event in change_stream.watch(self._all, hints.POOL_NEWS):
            yield event
