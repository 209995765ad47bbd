"""One hop to a host when robots.txt and the host's limits let it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from yarl import URL

from scrapr.fetching import robots, rulebook
from scrapr.fetching.errors import FetchFailed, FetchRefused, FetchUnavailable
from scrapr.fetching.hop import REDIRECTS, Hop, follow
from scrapr.fetching.hosts import HostBusy, HostLimits, Turn
from scrapr.fetching.page import Expect, shown
from scrapr.fetching.pool import Pool
from scrapr.fetching.rhythm import Rhythm, listen
from scrapr.fetching.settings import FetchSettings
from scrapr.fetching.transfer import Answer, transfer

RHYTHMS_KEPT = 4096
ROBOTS_REDIRECTS = 5
"""How many RFC 9309 asks for, whatever pages may have."""

JUDGED_AT_ONCE = 20_000_000
"""Bytes of a robots.txt times characters of a URL that are judged at once; beyond it, which takes a second at most, a
thread does it."""

_STRAIN = frozenset({"timeout", "disconnected"})


@dataclass(slots=True)
class Trip:
    """What one fetch gathers on its way; `waited` is in seconds by cause."""

    settings: FetchSettings
    expect: Expect
    retries: int = 0
    waited: dict[str, float] = field(default_factory=dict)

    def wait(self, why: str, seconds: float) -> None:
        """Note that something slowed the fetch."""
        self.waited[why] = self.waited.get(why, 0.0) + seconds


@dataclass(frozen=True, slots=True)
class _Pace:
    """The least seconds between two starts, and what sets it."""

    interval: float
    why: str


class Visits:
    """All hops of a client: it knows each host's rules and rhythm."""

    def __init__(self, pool: Pool, hosts: HostLimits):
        self._pool = pool
        self._hosts = hosts
        self._rulebook = rulebook.Rulebook(self._visit_robots)
        self._rhythms: dict[str, Rhythm] = {}

    async def visit(self, hop: Hop, trip: Trip, *, left: float) -> Answer:
        """The host's answer, which may take `left` seconds once the request is sent.

        Raises `FetchRefused` and `FetchUnavailable`.
        """
        settings = trip.settings
        crawl_delay = await self._obey(hop, settings) if settings.robots else 0.0
        host = host_of(hop.url)
        turn = await self._enter(hop, self._pace(host, crawl_delay, settings), trip)
        try:
            return await self._send(hop, host, trip, left=left)
        finally:
            await self._hosts.leave(host, turn)

    async def _enter(self, hop: Hop, pace: _Pace, trip: Trip) -> Turn:
        settings = trip.settings
        try:
            turn = await self._hosts.enter(
                host_of(hop.url), slots=settings.per_host, interval=pace.interval, patience=settings.patience
            )
        except HostBusy as busy:
            problem = "waited for its turn at the host for too long, or would have to"
            raise FetchUnavailable("busy", problem, url=str(hop.url), retry_after=busy.seconds) from busy
        if turn.waited:
            names: Mapping[str, str] = {"pace": pace.why, "hold": "retry_after"}
            for why, seconds in turn.waited.items():
                trip.wait(names.get(why, why), seconds)
        return turn

    def _pace(self, host: str, crawl_delay: float, settings: FetchSettings) -> _Pace:
        strain = self._rhythms.get(host) if settings.adaptive else None
        return max(
            _Pace(settings.pace, "pace"),
            _Pace(crawl_delay, "crawl_delay"),
            _Pace(strain.pace if strain is not None else 0.0, "adaptive"),
            key=lambda pace: pace.interval,
        )

    async def _send(self, hop: Hop, host: str, trip: Trip, *, left: float) -> Answer:
        settings = trip.settings
        started = time.perf_counter()
        try:
            answer = await transfer(
                self._pool.session(outside=hop.outside),
                hop,
                within=max(left, 0.001),
                body_limit=settings.body_limit,
                expect=trip.expect,
            )
        except FetchFailed as failure:
            if settings.adaptive and failure.reason in _STRAIN:
                self._note(host, time.perf_counter() - started, settings, failed=True)
            raise
        if settings.adaptive:
            failed = answer.status == 429 or answer.status >= 500
            self._note(host, answer.seconds, settings, failed=failed)
        return answer

    def _note(self, host: str, seconds: float, settings: FetchSettings, *, failed: bool) -> None:
        known = self._rhythms.get(host)
        if known is None and len(self._rhythms) >= RHYTHMS_KEPT:
            del self._rhythms[next(iter(self._rhythms))]
        self._rhythms[host] = listen(known or Rhythm(), seconds, failed=failed, limit=settings.adaptive_limit)

    async def _obey(self, hop: Hop, settings: FetchSettings) -> float:
        """The Crawl-delay of the hop's host; raises if its robots.txt forbids the hop or cannot be read."""
        rules = await self._rulebook.rules(hop.url, settings, outside=hop.outside)
        if rules.unreadable:
            problem = "the host's robots.txt cannot be read now, so nothing may be fetched from it"
            raise FetchUnavailable("robots", problem, url=str(hop.url))
        if not await _allow(rules, str(hop.url)):
            raise FetchRefused("robots", "the host's robots.txt forbids it", url=shown(hop.url))
        return min(rules.crawl_delay, settings.crawl_delay_limit)

    async def _visit_robots(self, hop: Hop, settings: FetchSettings) -> Answer:
        while True:
            answer = await transfer(
                self._pool.session(outside=hop.outside),
                hop,
                within=settings.timeout,
                body_limit=settings.robots_limit,
                truncate=True,
            )
            if answer.status not in REDIRECTS:
                return answer
            limit = max(ROBOTS_REDIRECTS, settings.redirects)
            hop = follow(hop, answer.status, answer.headers.get("Location"), limit=limit)


async def _allow(rules: robots.Rules, url: str) -> bool:
    if rules.size * len(url) < JUDGED_AT_ONCE:
        return rules.allow(url)
    return await asyncio.to_thread(rules.allow, url)


def host_of(url: URL) -> str:
    """The name under which a host's limits are kept: the same for all its ports and schemes."""
    return url.raw_host or ""
