"""Makes the indexes that queries lack, beside the queries: those of orders, and those of text."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from scrapr.model.errors import Unavailable
from scrapr.roles.endpoint import metrics, sql
from scrapr.roles.endpoint.mirror import Mirror
from scrapr.roles.endpoint.query import Copy
from scrapr.roles.endpoint.selection import Selection
from scrapr.roles.endpoint.settings import EndpointSettings

SMALL = 2000
"""Records up to which a query needs no index."""
WAITING = 16
"""Indexes that may wait to be made; more are asked for again by the queries that want them."""


class Indexer:
    """One index of each sort is made at a time; whoever needs the text of a copy waits for its index."""

    def __init__(self, mirror: Mirror, settings: EndpointSettings) -> None:
        self._mirror = mirror
        self._settings = settings
        self._columns: asyncio.Queue[tuple[int, str]] = asyncio.Queue(WAITING)
        self._texts: asyncio.Queue[int] = asyncio.Queue(WAITING)
        self._made: dict[int, asyncio.Event] = {}
        """Of the copies whose text is being indexed, or soon will be."""

    def want(self, copy: Copy, wanted: Selection) -> None:
        """Have the index made that would serve this selection, if there is none and it would be worth it."""
        columns = sql.index(wanted)
        if columns is None or copy.total <= SMALL or not self._mirror.lacks(copy.table, columns):
            return
        with suppress(asyncio.QueueFull):
            self._columns.put_nowait((copy.table, columns))

    async def await_text(self, table: int) -> None:
        """Return once a copy can be asked for text, or is gone. Raises `Unavailable` where it takes too long."""
        if self._mirror.is_searchable(table):
            return
        made = self._made.get(table)
        if made is None:
            try:
                self._texts.put_nowait(table)
            except asyncio.QueueFull:
                raise Unavailable("Other collections are being indexed", retry_after=5) from None
            made = self._made[table] = asyncio.Event()
        try:
            async with asyncio.timeout(self._settings.query):
                await made.wait()
        except TimeoutError as error:
            raise Unavailable("The collection's text is being indexed", retry_after=5) from error

    async def index_columns(self) -> None:
        """Make the indexes of orders and filters, one after the other, until cancelled."""
        while True:
            table, columns = await self._columns.get()
            if self._mirror.lacks(table, columns):
                await asyncio.to_thread(self._mirror.index, table, columns, most=self._settings.indexes)
                metrics.INDEXED.inc()

    async def index_texts(self) -> None:
        """Make the indexes of text, one after the other, until cancelled."""
        while True:
            table = await self._texts.get()
            await asyncio.to_thread(self._mirror.make_searchable, table)
            metrics.INDEXED.inc()
            self._made.pop(table).set()
