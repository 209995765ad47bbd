"""The outbox: deliveries wait in MongoDB from the transaction that caused them until they are received or given up."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession

from scrapr.model.times import now
from scrapr.model.webhook import DeadLetter, DeadLetters, EventType
from scrapr.roles.datasource.hooks import metrics
from scrapr.roles.datasource.hooks.events import Event, Hook
from scrapr.roles.datasource.hooks.pace import Head, Verdict
from scrapr.storage.mongo import Database, Document, translated

NEWS: Final[Document] = {
    "$or": [{"operationType": "insert"}, {"updateDescription.updatedFields.waiting": {"$exists": True}}]
}
"""Deliveries that wait to be sent since now."""
HEADS_MOST = 10_000
DEAD_MOST = 1000


@dataclass(frozen=True)
class Delivery:
    """What is sent to one webhook: `id` and `body` are the same with every try."""

    id: str
    hook: str
    event: EventType
    collection: str
    body: str
    created_at: datetime
    tries: int


class Outbox:
    """The collection `deliveries`; `lanes` gives those of one collection their order."""

    def __init__(self, database: Database, *, backlog: int) -> None:
        self.deliveries = database["deliveries"]
        self._lanes = database["lanes"]
        self._positions = database["positions"]
        self._backlog = backlog

    async def put(self, events: Sequence[Event], hooks: Iterable[Hook], session: AsyncClientSession) -> None:
        """Write a delivery for each webhook that wants one of `events`, in one transaction with their cause."""
        wanted = [(event, hook) for event in events for hook in hooks if hook.wants(event)]
        if not wanted:
            return
        # Whoever writes to the same lane meets here, so that the order of the numbers is the order of the commits.
        lane = await self._lanes.find_one_and_update(
            {"_id": wanted[0][0].collection},
            {"$inc": {"next": len(wanted)}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        full = {hook.id for _, hook in wanted if await self._is_full(hook.id, session)}
        first = (lane["next"] if lane else len(wanted)) - len(wanted)
        documents = [
            self._document(event, hook, first + number, is_full=hook.id in full)
            for number, (event, hook) in enumerate(wanted)
        ]
        await self.deliveries.insert_many(documents, session=session)
        for event, _ in wanted:
            metrics.EVENTS.labels(event.type).inc()

    async def _is_full(self, hook: str, session: AsyncClientSession) -> bool:
        waiting = {"waiting": True, "hook": hook}
        return (
            await self.deliveries.count_documents(waiting, limit=self._backlog, session=session)
            >= self._backlog
        )

    def _document(self, event: Event, hook: Hook, number: int, *, is_full: bool) -> Document:
        at = now()
        state = (
            {"dead_at": at, "error": f"{self._backlog} deliveries waited for this webhook already"}
            if is_full
            else {"waiting": True}
        )
        return {
            "_id": f"msg_{secrets.token_hex(12)}",
            "hook": hook.id,
            "lane": event.collection,
            "seq": number,
            "event": event.type,
            "configuration": event.configuration,
            "body": event.body(),
            "created_at": at,
            "tries": 0,
            "next_at": at,
            **state,
        }

    async def heads(self) -> list[Head]:
        """The oldest waiting delivery of each lane."""
        first = {name: {"$first": f"${name}"} for name in ("tries", "next_at")}
        found = self.deliveries.aggregate(
            [
                {"$match": {"waiting": True}},
                {"$sort": {"hook": 1, "lane": 1, "seq": 1}},
                {"$group": {"_id": {"hook": "$hook", "lane": "$lane"}, "id": {"$first": "$_id"}, **first}},
                {"$sort": {"next_at": 1}},
                {"$limit": HEADS_MOST},
            ]
        )
        with translated():
            return [
                Head(each["id"], each["_id"]["hook"], each["_id"]["lane"], each["tries"], each["next_at"])
                async for each in await found
            ]

    async def claim(self, head: Head, lease: float) -> Delivery | None:
        """Take a delivery for `lease` seconds: a try that never ends is as one that failed, and comes again then.

        None where another replica was faster.
        """
        taken = {"$inc": {"tries": 1}, "$set": {"next_at": now() + timedelta(seconds=lease)}}
        guard = {"_id": head.id, "waiting": True, "tries": head.tries}
        with translated():
            found = await self.deliveries.find_one_and_update(
                guard, taken, return_document=ReturnDocument.AFTER
            )
        if found is None:
            return None
        return Delivery(
            id=found["_id"],
            hook=found["hook"],
            event=found["event"],
            collection=found["lane"],
            body=found["body"],
            created_at=found["created_at"],
            tries=found["tries"],
        )

    async def settle(self, delivery: Delivery, verdict: Verdict) -> None:
        """Note how a try ended. What a late try did not deliver is no news, what it did is."""
        who: Document = {"_id": delivery.id, "waiting": True}
        with translated():
            if verdict.outcome == "delivered":
                await self.deliveries.delete_one(who)
                return
            guard = {**who, "tries": delivery.tries}
            if verdict.outcome == "again":
                told = {"next_at": verdict.next_at, "error": verdict.reason}
                await self.deliveries.update_one(guard, {"$set": told})
                return
            told = {"dead_at": now(), "error": verdict.reason}
            await self.deliveries.update_one(guard, {"$set": told, "$unset": {"waiting": ""}})

    async def drop(self, delivery: Delivery) -> None:
        """Forget what waits for a webhook that is gone."""
        with translated():
            await self.deliveries.delete_many({"hook": delivery.hook})

    async def dead(self, hook: str) -> DeadLetters:
        """What was given up of a webhook's deliveries."""
        query = {"hook": hook, "dead_at": {"$exists": True}}
        with translated():
            found = await self.deliveries.find(
                query, sort=[("created_at", 1), ("seq", 1)], limit=DEAD_MOST
            ).to_list()
        return DeadLetters(dead=tuple(_letter_of(each) for each in found))

    async def revive(self, hook: str, deliveries: Sequence[str] | None) -> int:
        """Let dead letters wait again, with all their patience; how many there were."""
        query: Document = {"hook": hook, "dead_at": {"$exists": True}}
        if deliveries is not None:
            query["_id"] = {"$in": list(deliveries)}
        at = now()
        told = {"waiting": True, "next_at": at, "created_at": at}
        with translated():
            found = await self.deliveries.update_many(query, {"$set": told, "$unset": {"dead_at": ""}})
        return found.modified_count

    async def tells(self, hook: str, collection: str, session: AsyncClientSession) -> bool:
        """Whether a delivery of the collection's changes waits for the webhook."""
        query = {"waiting": True, "hook": hook, "lane": collection, "event": "items.changed"}
        return await self.deliveries.find_one(query, {"_id": 1}, session=session) is not None

    async def advance(self, hook: str, collection: str, version: int, session: AsyncClientSession) -> int:
        """Note that the webhook is told of the collection up to `version`; gives up to where it was told before."""
        before: Any = await self._positions.find_one_and_update(
            {"_id": {"hook": hook, "collection": collection}},
            {"$max": {"version": version}},
            upsert=True,
            session=session,
        )
        return int(before["version"]) if before else 0


def _letter_of(document: Document) -> DeadLetter:
    return DeadLetter(
        id=document["_id"],
        event=document["event"],
        collection=document["lane"],
        configuration=document["configuration"],
        created_at=document["created_at"],
        dead_at=document["dead_at"],
        tries=document["tries"],
        error=document["error"],
    )
