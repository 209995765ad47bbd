"""Where webhooks are kept: the collection `webhooks`, and in `positions` how far each was told of what collection."""

from __future__ import annotations

import secrets
from base64 import b64encode
from typing import Any

from pydantic import SecretStr
from pymongo.asynchronous.client_session import AsyncClientSession
from yarl import URL

from scrapr.model.errors import Conflict, NotFound
from scrapr.model.times import now
from scrapr.model.webhook import PREFIX, NewWebhook, Webhook, WebhookDraft, Webhooks
from scrapr.roles.datasource.hooks.events import Hook
from scrapr.storage.mongo import Database, Document, transact, translated

SECRET_BYTES = 32


class Registry:
    """All webhooks. Their secrets leave it only towards the sender, and once towards whoever had one made."""

    def __init__(self, database: Database, *, most: int) -> None:
        self._database = database
        self._webhooks = database["webhooks"]
        self._deliveries = database["deliveries"]
        self._positions = database["positions"]
        self._most = most

    async def add(self, draft: WebhookDraft) -> NewWebhook:
        """Keep a webhook; it is told of what happens from now on. Raises `Conflict` where there are too many."""
        made = None if draft.secret else PREFIX + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
        secret = draft.secret.get_secret_value() if draft.secret else made
        document: Document = {
            "_id": f"wh_{secrets.token_hex(8)}",
            **draft.model_dump(exclude={"secret"}),
            "secret": secret,
            "created_at": now(),
            "disabled": None,
        }

        async def act(session: AsyncClientSession) -> None:
            if await self._webhooks.count_documents({}, limit=self._most, session=session) >= self._most:
                raise Conflict(f"There are {self._most} webhooks already, as many as webhook.most allows")
            await self._webhooks.insert_one(document, session=session)
            if "items.changed" in draft.events:
                await self._note_positions(document["_id"], draft.collection, session)

        await transact(self._database, act)
        return NewWebhook(**(await self._show(document)).model_dump() | {"url": draft.url}, secret=made)

    async def _note_positions(self, hook: str, collection: str | None, session: AsyncClientSession) -> None:
        wish = {} if collection is None else {"_id": collection}
        found = self._database["collections"].find(wish, {"version": 1}, session=session)
        places = [
            {"_id": {"hook": hook, "collection": each["_id"]}, "version": each["version"]}
            async for each in found
        ]
        if places:
            await self._positions.insert_many(places, session=session)

    async def all(self) -> Webhooks:
        """All webhooks, without what is secret."""
        with translated():
            found = await self._webhooks.find({}, sort=[("created_at", 1), ("_id", 1)]).to_list()
        return Webhooks(webhooks=tuple([await self._show(each) for each in found]))

    async def show(self, identity: str) -> Webhook:
        """One webhook. Raises `NotFound`."""
        return await self._show(await self._find(identity))

    async def hooks(self, session: AsyncClientSession | None = None) -> list[Hook]:
        """All webhooks, as those see them who write to them."""
        with translated():
            return [_hook_of(each) async for each in self._webhooks.find({}, session=session)]

    async def hook(self, identity: str) -> Hook | None:
        """One webhook, as those see it who write to it; None where it was removed."""
        with translated():
            found = await self._webhooks.find_one({"_id": identity})
        return None if found is None else _hook_of(found)

    async def remove(self, identity: str) -> None:
        """Forget a webhook and all that waits for it. Raises `NotFound`."""
        with translated():
            if not (await self._webhooks.delete_one({"_id": identity})).deleted_count:
                raise _unknown(identity)
            await self._deliveries.delete_many({"hook": identity})
            await self._positions.delete_many({"_id.hook": identity})

    async def disable(self, identity: str, reason: str) -> None:
        """Send nothing more to a webhook; what waits for it is given up."""
        with translated():
            await self._webhooks.update_one({"_id": identity}, {"$set": {"disabled": reason}})
            await self._deliveries.update_many(
                {"hook": identity, "waiting": True},
                {"$set": {"dead_at": now(), "error": reason}, "$unset": {"waiting": ""}},
            )

    async def enable(self, identity: str) -> None:
        """Send to a webhook again. Raises `NotFound`."""
        with translated():
            enabled = await self._webhooks.update_one({"_id": identity}, {"$set": {"disabled": None}})
        if not enabled.matched_count:
            raise _unknown(identity)

    async def _find(self, identity: str) -> Document:
        with translated():
            found = await self._webhooks.find_one({"_id": identity})
        if found is None:
            raise _unknown(identity)
        return found

    async def _show(self, document: Document) -> Webhook:
        who = {"hook": document["_id"]}
        with translated():
            waiting = await self._deliveries.count_documents({**who, "waiting": True})
            dead = await self._deliveries.count_documents({**who, "dead_at": {"$exists": True}})
        shown: dict[str, Any] = {
            name: document[name] for name in Webhook.model_fields.keys() & document.keys()
        }
        return Webhook(
            **shown | {"id": document["_id"], "url": _mask(document["url"])}, waiting=waiting, dead=dead
        )


def _mask(url: str) -> str:
    """The URL up to its host: what follows is a secret with many services."""
    parsed = URL(url)
    return f"{parsed.origin()}/{'…' if parsed.path_qs != '/' else ''}"


def _hook_of(document: Document) -> Hook:
    return Hook(
        id=document["_id"],
        url=document["url"],
        secret=SecretStr(document["secret"]),
        events=tuple(document["events"]),
        collection=document["collection"],
        configuration=document["configuration"],
        disabled=document["disabled"],
    )


def _unknown(identity: str) -> NotFound:
    return NotFound(f"There is no webhook {identity[:100]}")
