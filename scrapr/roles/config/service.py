"""The loops: whoever serves configurations is told of news, and claims whose lease has ended become free."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

from scrapr.roles.config import hints, metrics
from scrapr.roles.config.claims import ClaimStore
from scrapr.roles.config.store import ConfigurationStore
from scrapr.runtime.loops import Loop
from scrapr.storage.hearing import Ear, Hearing
from scrapr.storage.mongo import Database, Document
from scrapr.web.push import Push

log = structlog.get_logger()


class Feed:
    """Hints for everybody who joined. Each replica of config watches for itself, and keeps no place in the
    stream: newcomers look at the full state, and so does everybody when some changes may have been missed."""

    def __init__(self, database: Database, configurations: ConfigurationStore, *, token: str) -> None:
        self._configurations = configurations
        self._rooms: set[str] = set()
        ears = (
            Ear("configurations", hints.NEWS, self._tell_configurations, hints.FIELDS),
            Ear("pools", {}, self._tell_pools, ("operationType",)),
        )
        self._hearing = Hearing(database, ears)
        self.push = Push(room_of=self._room_of, admit=self._admit, token=token)

    @property
    def loops(self) -> tuple[Loop, ...]:
        """Each of them runs until cancelled."""
        return (Loop("hear", self._hearing.listen),)

    async def _tell_configurations(self, event: Document | None) -> None:
        hint = hints.read_hint(event)
        if hints.stays_in_place(event):
            hint = hint.model_copy(update=await self._configurations.place_of(hint.id))
        metrics.HINTS.labels(hint.op).inc()
        log.debug("hint", **hint.model_dump())
        for room in hints.rooms_for(hint, self._rooms):
            await self.push.emit(room, "configurations", hint.model_dump())

    async def _tell_pools(self, event: Document | None) -> None:
        await self.push.emit(hints.ALL, "pools", hints.read_pool_hint(event).model_dump())

    def _room_of(self, wish: Any) -> str:
        room = hints.room_of(wish)
        self._rooms.add(room)
        return room

    async def _admit(self, _wish: Any) -> dict[str, Any]:
        return {}


class Sweeper:
    """The safety net under the claims: what a dead replica held is freed, even if nobody asks for it."""

    def __init__(self, configurations: ConfigurationStore, claims: ClaimStore, interval: float) -> None:
        self._configurations = configurations
        self._claims = claims
        self._interval = interval

    @property
    def loops(self) -> tuple[Loop, ...]:
        """It runs until cancelled."""
        return (Loop("sweep", self._run),)

    async def _run(self) -> None:
        while True:
            if lost := await self._claims.sweep():
                log.warning("claims lost", count=lost)
            await self._measure()
            await asyncio.sleep(self._interval)

    async def _measure(self) -> None:
        totals: dict[tuple[str, str], int] = {}
        for each in await self._configurations.count():
            for claimed, count in (
                ("yes", each["claimed"]),
                ("no", each["configurations"] - each["claimed"]),
            ):
                totals[each["type"], claimed] = totals.get((each["type"], claimed), 0) + count
        metrics.CONFIGURATIONS.clear()
        for (kind, claimed), count in totals.items():
            metrics.CONFIGURATIONS.labels(kind, claimed).set(count)
