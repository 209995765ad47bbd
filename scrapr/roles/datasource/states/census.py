"""The census: which configurations there are, as config tells; so that one that never runs is seen, too."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

from scrapr.client.config import ConfigClient
from scrapr.client.feed import Feed
from scrapr.model.errors import NotFound
from scrapr.model.times import now
from scrapr.roles.datasource import metrics
from scrapr.roles.datasource.states.book import Book
from scrapr.roles.datasource.states.keeper import Keeper
from scrapr.roles.datasource.states.settle import facts_of
from scrapr.runtime.loops import Loop
from scrapr.runtime.trigger import Trigger

log = structlog.get_logger()
STATES = ("new", "healthy", "degraded", "broken", "overdue")
ALARMS = 100
"""Configurations that are looked at in one round because they are silent."""


class Census:
    """Asks config for all configurations at first and now and then, and for one when there is a hint of it."""

    def __init__(
        self, config: ConfigClient, book: Book, keeper: Keeper, *, every: float, look: float, token: str
    ) -> None:
        self._config = config
        self._book = book
        self._keeper = keeper
        self._every = every
        self._look = look
        self._hinted: set[str] = set()
        self._all = True
        self._news = Trigger()
        self._feed = Feed(config.transport.locate, token=token, connected=self._join, told=self._hear)

    @property
    def loops(self) -> tuple[Loop, ...]:
        """Each runs until cancelled, and again where config does not answer."""
        return (
            Loop("configurations' hints", self._feed.run),
            Loop("census", self._count),
            Loop("overdue", self._watch_silence),
        )

    async def _join(self) -> None:
        await self._feed.join({})
        self._all = True
        self._news.pull()

    async def _hear(self, event: str, payload: Any) -> None:
        if event != "configurations" or payload.get("type") == "endpoint":
            return
        if payload.get("id") is None:
            self._all = True
        else:
            self._hinted.add(payload["id"])
        self._news.pull()

    async def _count(self) -> None:
        while True:
            if self._all:
                await self._count_all()
                self._all = False
            while self._hinted:
                configuration = next(iter(self._hinted))
                await self._ask(configuration)
                self._hinted.discard(configuration)
            self._all |= not await self._news.wait(timeout=self._every)

    async def _count_all(self) -> None:
        """Note what is new or other than before, and forget what config does not know."""
        # Read first: what is added meanwhile is in neither, or in both.
        known = await self._book.facts()
        gone = set(known)
        async for configuration in self._config.configurations(of_type="scraper"):
            gone.discard(configuration.id)
            if known.get(configuration.id) != facts_of(configuration):
                await self._keeper.learn(configuration)
        for identity in gone:
            await self._book.forget(identity)

    async def _ask(self, identity: str) -> None:
        try:
            configuration = await self._config.configuration(identity)
        except NotFound:
            if await self._book.forget(identity):
                log.debug("forgotten", configuration=identity)
            return
        if configuration.type == "scraper":
            await self._keeper.learn(configuration)

    async def _watch_silence(self) -> None:
        """Look again and again for configurations whose runs do not come; config must know them still."""
        while True:
            for identity in await self._book.silent(now(), ALARMS):
                await self._ask(identity)
            counts = await self._book.count()
            for state in STATES:
                metrics.CONFIGURATIONS.labels(state).set(counts.get(state, 0))
            await asyncio.sleep(self._look)
