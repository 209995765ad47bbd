"""How long a collection's past is kept: its oldest changes go, and whoever asks for them is told so before."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog

from scrapr.model.times import now
from scrapr.storage.mongo import Database, Document, translated

log = structlog.get_logger()
LOOK = 60.0
"""Seconds between two looks, or a tenth of the retention if that is less."""
PIECE = 5000
"""Changes that are deleted at once."""


class Retention:
    """Several replicas may: each step is the same whoever does it, and however often."""

    def __init__(self, database: Database, seconds: int) -> None:
        self._collections = database["collections"]
        self._changes = database["changes"]
        self._seconds = seconds

    async def retain(self) -> None:
        """Let changes go that are older than the retention, until cancelled."""
        while True:
            await self.expire(now() - timedelta(seconds=self._seconds))
            await asyncio.sleep(min(LOOK, self._seconds / 10))

    async def expire(self, before: datetime) -> None:
        """Let the changes from `before` a time go.

        First the collection says from which version on its past is known; only then changes are deleted. So a reader
        who asks for a version from then on never meets a gap.
        """
        with translated():
            names = [each["_id"] async for each in self._collections.find({}, {"_id": 1})]
            for name in names:
                await self._expire(name, before)

    async def _expire(self, name: str, before: datetime) -> None:
        all_of_it: Document = {"$gte": {"collection": name, "version": 0}}
        first = await self._changes.find_one(
            {"_id": {**all_of_it, "$lt": {"collection": name, "version": 2**63 - 1}}},
            {"at": 1},
            sort=[("_id", 1)],
        )
        if first is None:
            return
        # One piece after the other, so that none takes long.
        start: int = first["_id"]["version"]
        while first is not None and first["at"] < before:
            end = {"collection": name, "version": start + PIECE}
            last = await self._changes.find_one(
                {"_id": {**all_of_it, "$lt": end}, "at": {"$lt": before}}, {"_id": 1}, sort=[("_id", -1)]
            )
            if last is None:
                return
            oldest: int = last["_id"]["version"]
            await self._collections.update_one({"_id": name}, {"$max": {"oldest": oldest}})
            await self._changes.delete_many({"_id": {**all_of_it, "$lte": last["_id"]}})
            log.debug("changes expired", collection=name, up_to=oldest)
            start = oldest + 1
            first = await self._changes.find_one({"_id": {"collection": name, "version": start}}, {"at": 1})
