"""The indexes of the datasource's collections, made when a replica starts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from pymongo.errors import CollectionInvalid, OperationFailure

from scrapr.roles.datasource.hooks.settings import WebhookSettings
from scrapr.roles.datasource.settings import DatasourceSettings
from scrapr.storage.mongo import Collection, Database, translated

OTHER_OPTIONS = 85
"""The index is there with another time to live."""


async def prepare(database: Database, settings: DatasourceSettings, webhooks: WebhookSettings) -> None:
    """Make what is missing; a retention that was changed in the settings holds for what is kept already."""
    with translated():
        for name in ("collections", "webhooks", "lanes"):
            with suppress(CollectionInvalid):
                # It has no index of its own, and two transactions must not meet in creating it.
                await database.create_collection(name)
        # At once: each waits for a majority's journal, and the role starts when all are there.
        await asyncio.gather(_prepare_news(database, webhooks), _prepare_runs(database, settings))
        await database["inbox"].create_index(
            # Only what waits is in it, so it stays small however much is kept for replay.
            _up("waiting", "collection", "received_at", "page"),
            partialFilterExpression={"waiting": {"$exists": True}},
        )
        await database["inbox"].create_index(
            # What is reduced, in the order in which it was: to make the records again.
            _up("collection", "order"),
            partialFilterExpression={"order": {"$gt": 0}},
        )
        for records in ("records", "rebuilt"):
            await database[records].create_index(_up("_id.collection", "created"))
            await database[records].create_index(_up("feeds.configuration", "feeds.order"))
        await database["changes"].create_index(_up("_id.collection", "key", "_id.version"))
        await database["changes"].create_index(
            # What a collection had and has no more is found by when it came: for its past.
            _up("_id.collection", "was.created"),
            partialFilterExpression={"op": "remove"},
        )
        await _expire(database["inbox"], "reduced_at", settings.inbox_retention)
        await database["quarantine"].create_index(_up("collection", "_id"))
        await _expire(database["quarantine"], "at", settings.quarantine_retention)


async def _prepare_runs(database: Database, settings: DatasourceSettings) -> None:
    await database["runs"].create_index([("configuration", 1), ("started_at", -1)])
    await database["runs"].create_index(
        # Runs that read something and were as usual: those that a new one is compared with.
        [("configuration", 1), ("revision", 1), ("started_at", -1)],
        partialFilterExpression={"state": "healthy", "items": {"$gt": 0}},
    )
    await database["runs"].create_index([("collection", 1), ("started_at", -1)])
    await database["runs"].create_index([("started_at", -1)])
    await database["runs"].create_index(_up("untold"), partialFilterExpression={"untold": {"$exists": True}})
    await _expire(database["runs"], "finished_at", settings.run_retention)


async def _prepare_news(database: Database, webhooks: WebhookSettings) -> None:
    await database["states"].create_index(_up("due_at"))
    await database["deliveries"].create_index(
        _up("waiting", "hook", "lane", "seq"), partialFilterExpression={"waiting": True}
    )
    await database["deliveries"].create_index(_up("hook", "created_at"))
    await database["positions"].create_index(_up("_id.hook"))
    await _expire(database["deliveries"], "dead_at", webhooks.retention)


def _up(*fields: str) -> Sequence[tuple[str, int]]:
    return [(field, 1) for field in fields]


async def _expire(collection: Collection, field: str, seconds: int) -> None:
    try:
        await collection.create_index(field, expireAfterSeconds=seconds)
    except OperationFailure as error:
        if error.code != OTHER_OPTIONS:
            raise
        index = {"keyPattern": {field: 1}, "expireAfterSeconds": seconds}
        await collection.database.command("collMod", collection.name, index=index)
