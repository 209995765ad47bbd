"""How much may wait, and how much room MongoDB must have: beyond, batches are refused until there is some again."""

from __future__ import annotations

from time import monotonic

from scrapr.model.errors import Unavailable
from scrapr.roles.datasource import metrics
from scrapr.roles.datasource.settings import DatasourceSettings
from scrapr.storage.mongo import Database, translated

RECOUNT = 1.0
"""Seconds for which a look holds."""
MEGABYTE = 1 << 20


class Bounds:
    """Looks at the inbox and at MongoDB's disk, at most once a second."""

    def __init__(self, database: Database, settings: DatasourceSettings) -> None:
        self._database = database
        self._settings = settings
        self._looked_at = -RECOUNT
        self._problem: str | None = None

    async def check(self) -> None:
        """Raise `Unavailable` with what is wrong where nothing more may be taken."""
        if monotonic() - self._looked_at > RECOUNT:
            self._looked_at = monotonic()
            self._problem = await self._find_crowd() or await self._find_lack()
        if self._problem is not None:
            raise Unavailable(self._problem, retry_after=self._settings.retry_after)

    async def _find_crowd(self) -> str | None:
        most = self._settings.depth
        with translated():
            depth = await self._database["inbox"].count_documents({"waiting": "page"}, limit=most + 1)
        metrics.DEPTH.set(depth)
        return f"More than {most} batches wait to be reduced" if depth > most else None

    async def _find_lack(self) -> str | None:
        """A mongod that cannot write its journal ends itself, so it must not come to that."""
        with translated():
            told = await self._database.command("dbStats")
        # Some storage engines and services tell nothing of their disk.
        if not told.get("fsTotalSize"):
            return None
        room = int(told["fsTotalSize"] - told["fsUsedSize"]) // MEGABYTE
        metrics.ROOM.set(room * MEGABYTE)
        least = self._settings.room_mb
        if room >= least:
            return None
        return f"MongoDB's disk has {room} MB of room; allowed: at least {least} MB"
