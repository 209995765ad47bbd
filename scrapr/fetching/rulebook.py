"""The robots.txt of each host that was visited lately."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from yarl import URL

from scrapr.fetching import robots
from scrapr.fetching.errors import FetchUnavailable
from scrapr.fetching.hop import Hop
from scrapr.fetching.robots import Rules
from scrapr.fetching.settings import FetchSettings
from scrapr.fetching.transfer import Answer

KEPT_ENTRIES = 4096
KEPT_BYTES = 16_000_000
"""Of source text; parsed, a robots.txt takes about ten times as much."""

IN_THREAD = 32_768
"""Bytes from which a robots.txt is parsed in a thread: 500 kB take a quarter of a second."""

Visit = Callable[[Hop, FetchSettings], Awaitable[Answer]]
"""Fetch a URL through its redirects, cut at the limit for robots.txt; statuses are answers, not errors."""


@dataclass(frozen=True, slots=True)
class _Entry:
    rules: Rules
    size: int
    fresh_until: float


class Rulebook:
    """Fetches, keeps and answers from robots.txt, once per origin at a time."""

    def __init__(self, visit: Visit):
        self._visit = visit
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}
        self._bytes = 0

    async def rules(self, url: URL, settings: FetchSettings, *, outside: bool = False) -> Rules:
        """The rules of the URL's origin for the settings' User-Agent.

        A host that does not answer at all raises as any fetch from it would. Source: RFC 9309, section 2.3.1.
        """
        product = robots.product_token(settings.user_agent)
        key = (str(url.origin()), product)
        entry = self._entries.get(key)
        if entry is not None and entry.fresh_until > time.monotonic():
            self._entries.move_to_end(key)
            return entry.rules
        lock = self._locks.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                entry = self._entries.get(key)
                if entry is None or entry.fresh_until <= time.monotonic():
                    entry = await self._renew(url, product, settings, entry, outside=outside)
                    self._keep(key, entry)
                return entry.rules
        finally:
            if not lock.locked():
                self._locks.pop(key, None)

    async def _renew(
        self, url: URL, product: str, settings: FetchSettings, old: _Entry | None, *, outside: bool
    ) -> _Entry:
        hop = Hop(
            url=url.origin() / "robots.txt",
            method="GET",
            headers={"User-Agent": settings.agent, "Accept": "text/plain,*/*;q=0.5"},
            outside=outside,
        )
        now = time.monotonic()
        try:
            answer = await self._visit(hop, settings)
        except FetchUnavailable as failure:
            if old is not None:
                return _Entry(old.rules, old.size, now + settings.robots_retry)
            if failure.reason == "redirects":  # "unavailable" in the words of the RFC: as if there were none
                return _Entry(Rules(product), 0, now + settings.robots_ttl)
            if failure.reason in ("decompression", "protocol", "headers"):
                return _Entry(_closed(product), 0, now + settings.robots_retry)
            raise
        if answer.status >= 500:
            kept = old.rules if old is not None else _closed(product)
            return _Entry(kept, old.size if old is not None else 0, now + settings.robots_retry)
        if answer.status >= 300:
            return _Entry(Rules(product), 0, now + settings.robots_ttl)
        return _Entry(await _parse(answer.body, product), len(answer.body), now + settings.robots_ttl)

    def _keep(self, key: tuple[str, str], entry: _Entry) -> None:
        if (old := self._entries.pop(key, None)) is not None:
            self._bytes -= old.size
        self._entries[key] = entry
        self._bytes += entry.size
        while len(self._entries) > KEPT_ENTRIES or (self._bytes > KEPT_BYTES and len(self._entries) > 1):
            self._bytes -= self._entries.popitem(last=False)[1].size


def _closed(product: str) -> Rules:
    return Rules(product, unreadable=True)


async def _parse(body: bytes, product: str) -> Rules:
    if len(body) < IN_THREAD:
        return robots.parse(body, product)
    return await asyncio.to_thread(robots.parse, body, product)
