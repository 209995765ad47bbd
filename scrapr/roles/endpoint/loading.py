"""Whole copies for the mirror: from the datasource, page by page, or from the last good copy in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from scrapr.client.datasource import DatasourceClient
from scrapr.model.change import VERSION_MOST
from scrapr.model.errors import Damaged, Expired, NotFound, Unavailable
from scrapr.model.record import Record
from scrapr.roles.endpoint import follow, row
from scrapr.roles.endpoint.follow import Apply, Reload
from scrapr.roles.endpoint.mirror import Mirror
from scrapr.roles.endpoint.query import Copy
from scrapr.roles.endpoint.store import Standing, Store

T = TypeVar("T")
TRIES = 3
SILENCE = 0.5
"""Seconds that Redis may take for each of its answers: the datasource, which may be well, is asked after it."""


class Loader:
    """Loads beside what is served: each method gives a copy that is whole, or leaves nothing behind."""

    def __init__(
        self, datasource: DatasourceClient, store: Store, mirror: Mirror, *, page: int, at_once: int
    ) -> None:
        self._datasource = datasource
        self._store = store
        self._mirror = mirror
        self._page = page
        self._turns = asyncio.Semaphore(at_once)

    async def begin(self) -> Copy:
        """An empty copy."""
        async with self._staged() as table:
            return await asyncio.to_thread(self._mirror.settle, Copy(table, 0))

    async def load(self, collection: str) -> Copy:
        """A copy of what the datasource has. Raises `Unavailable`."""
        async with self._turns, self._staged() as table:
            try:
                return await self._settle(collection, await self._read(collection, table))
            except NotFound:
                # A collection that nothing was reduced into yet is not known to the datasource, and empty.
                return await asyncio.to_thread(self._mirror.settle, Copy(table, 0))

    async def recall(self, collection: str) -> tuple[Copy, Standing] | None:
        """The last good copy, and where it was; None where there is none. Raises `Unavailable` or `Damaged`."""
        for _ in range(TRIES):
            if (standing := await _soon(self._store.standing(collection))) is None:
                return None
            async with self._staged() as table:
                pieces = self._store.rows(collection)
                while (rows := await _soon(anext(pieces, None))) is not None:
                    await asyncio.to_thread(self._mirror.load, table, rows)
                now = await _soon(self._store.standing(collection))
                if now is not None and now.token == standing.token:
                    return await self._adopt(table, standing, now), standing
                await asyncio.to_thread(self._mirror.drop, table)
        raise Unavailable(f"The copy of {collection} changes faster than it can be read")

    @asynccontextmanager
    async def _staged(self) -> AsyncIterator[int]:
        table = await asyncio.to_thread(self._mirror.stage)
        try:
            yield table
        except BaseException:
            await asyncio.to_thread(self._mirror.drop, table)
            raise

    async def _read(self, collection: str, table: int) -> Copy:
        """The datasource's pages, as a copy that lacks what changed while they were read."""
        version: int | None = None
        after: int | None = None
        changed_at: datetime | None = None
        while True:
            page = await self._datasource.records(collection, after=after, limit=self._page)
            version = page.version if version is None else version
            await asyncio.to_thread(self._put, table, page.records)
            changed_at = max(
                (*(record.changed_at for record in page.records), *filter(None, [changed_at])), default=None
            )
            if (after := page.next) is None:
                lacking = Copy(table, version, 0, changed_at, settled=VERSION_MOST)
                return await asyncio.to_thread(self._mirror.settle, lacking)

    def _put(self, table: int, records: tuple[Record, ...]) -> None:
        self._mirror.load(table, map(row.of, records))

    async def _settle(self, collection: str, copy: Copy) -> Copy:
        """The copy once it has come to where the collection was when its last page was read: then it is whole."""
        while True:
            try:
                page = await self._datasource.changes(collection, since=copy.version, limit=self._page)
            except Expired as error:
                raise Unavailable(f"{collection} changes faster than it can be loaded") from error
            step = follow.read(copy.version, page)
            if isinstance(step, Reload):
                raise Unavailable(f"{collection} changes faster than it can be loaded")
            if isinstance(step, Apply):
                copy, _ = await asyncio.to_thread(self._mirror.apply, copy, step.changes)
            if copy.version >= page.latest:
                return await asyncio.to_thread(self._mirror.settle, replace(copy, settled=copy.version))

    async def _adopt(self, table: int, standing: Standing, now: Standing) -> Copy:
        """What was read while the copy went from `standing` to `now`."""
        read = Copy(table, standing.version, 0, standing.changed_at, settled=now.version)
        copy = await asyncio.to_thread(self._mirror.settle, read)
        if now.version == standing.version and copy.total != standing.total:
            raise Damaged(f"The last good copy has {copy.total} of {standing.total} rows")
        return copy


async def _soon(answer: Awaitable[T]) -> T:
    """Redis's answer, or `Unavailable`; only waits for Redis are cut, never a thread at work on the mirror."""
    try:
        async with asyncio.timeout(SILENCE):
            return await answer
    except TimeoutError as error:
        raise Unavailable(f"Redis: silent for {SILENCE} s") from error
