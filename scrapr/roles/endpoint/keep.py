"""The keeper copies to Redis what the mirror has, behind the answers and never in their way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import structlog

from scrapr.model.errors import Unavailable
from scrapr.roles.endpoint import metrics
from scrapr.roles.endpoint.follow import Effect
from scrapr.roles.endpoint.mirror import Gone, Mirror
from scrapr.roles.endpoint.mirrored import Mirrored
from scrapr.roles.endpoint.query import Copy
from scrapr.roles.endpoint.row import Row
from scrapr.roles.endpoint.store import Standing, Store
from scrapr.runtime.trigger import Trigger

log = structlog.get_logger()
PIECE = 500
"""Rows that are read and written at once."""
DELTA_MOST = 5000
"""Changed rows that wait at most; with more, the whole copy is written."""


@dataclass
class Delta:
    """What the copy in Redis lacks: everything (`since` is None), or the rows that changed after `since`."""

    since: int | None
    rows: dict[str, Row | None] = field(default_factory=dict)
    over: int = -1

    def add(self, effect: Effect) -> None:
        """Let `effect` come after what waits already."""
        if self.since is not None:
            self.rows |= {**effect.put, **dict.fromkeys(effect.gone)}
            if len(self.rows) > DELTA_MOST:
                self.become_whole()

    def become_whole(self) -> None:
        """Write everything."""
        self.since = None
        self.rows.clear()


class Keeper:
    """Keeps the last good copies of `collections` up to date. While Redis is away, what it lacks is remembered."""

    def __init__(
        self, store: Store, mirror: Mirror, collections: Mapping[str, Mirrored], *, check: float
    ) -> None:
        self._store = store
        self._mirror = mirror
        self._collections = collections
        self._check = check
        self._deltas: dict[str, Delta] = {}
        self._news = Trigger()
        self._keeping = asyncio.Lock()

    def note(self, collection: str, since: int, effect: Effect) -> None:
        """The served copy went on from `since`."""
        self._deltas.setdefault(collection, Delta(since)).add(effect)
        self._news.pull()

    def note_whole(self, collection: str, *, over: int = -1) -> None:
        """There is another copy; `over` is the version of one that must make way though it is newer."""
        delta = self._deltas.setdefault(collection, Delta(None))
        delta.become_whole()
        delta.over = max(over, delta.over)
        self._news.pull()

    async def keep(self) -> None:
        """Write what waits, and look now and then whether Redis still has what it was given."""
        looked_at = time.monotonic()
        while True:
            await self.flush()
            await self._news.wait(timeout=max(0.0, looked_at + self._check - time.monotonic()))
            if time.monotonic() - looked_at >= self._check:
                looked_at = time.monotonic()
                self._look()

    def _look(self) -> None:
        """Let even an unchanged copy be written to: one that Redis forgot shows as a gap."""
        for name, mirrored in self._collections.items():
            if mirrored.copy is not None:
                self._deltas.setdefault(name, Delta(mirrored.copy.version))

    async def flush(self) -> None:
        """Write what waits. Raises `Unavailable`, and forgets nothing."""
        async with self._keeping:
            for name in list(self._deltas):
                mirrored, delta = self._collections.get(name), self._deltas.pop(name)
                if mirrored is None or mirrored.copy is None:
                    continue
                try:
                    await self._write(mirrored, mirrored.copy, delta)
                except (Unavailable, Gone) as error:
                    self.note_whole(name, over=delta.over)
                    if isinstance(error, Unavailable):
                        raise

    async def _write(self, mirrored: Mirrored, copy: Copy, delta: Delta) -> None:
        standing = Standing(copy.version, copy.total, copy.changed_at, mirrored.confirmed_at)
        outcome = "gap"
        if delta.since is not None:
            outcome = await self._store.advance(mirrored.name, delta.since, standing, delta.rows)
        if outcome == "gap":
            rows = self._read(copy.table)
            outcome = await self._store.replace(mirrored.name, standing, rows, over=delta.over)
            log.debug("copy written", collection=mirrored.name, version=copy.version, outcome=outcome)
        metrics.KEPT.labels(outcome).inc()

    async def _read(self, table: int) -> AsyncIterator[list[Row]]:
        after = -1
        while rows := await asyncio.to_thread(self._mirror.rows, table, after=after, limit=PIECE):
            yield rows
            after = rows[-1].created
