"""A follower keeps one collection's copy at the version that the datasource has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from scrapr.client.datasource import DatasourceClient
from scrapr.model.change import Change
from scrapr.model.errors import Damaged, Expired, NotFound, ScraprError, Unavailable
from scrapr.roles.endpoint import follow, metrics
from scrapr.roles.endpoint.follow import Apply, Ask, Begin, Reload, Step, Torn
from scrapr.roles.endpoint.keep import Keeper
from scrapr.roles.endpoint.loading import Loader
from scrapr.roles.endpoint.mirror import Mirror
from scrapr.roles.endpoint.mirrored import Mirrored
from scrapr.roles.endpoint.query import Copy
from scrapr.roles.endpoint.settings import EndpointSettings
from scrapr.runtime import backoff

log = structlog.get_logger()
PAUSE = 2.0
"""Seconds between two looks while there is no feed that would tell."""
LOOKS = 20
"""Looks that all followers of a replica take in a second: thousands, each by its own clock, would be a flood."""


@dataclass(frozen=True)
class Word:
    """What the datasource says when its room is joined: its version, and over which connection."""

    latest: int
    link: int


@dataclass(frozen=True)
class Tools:
    """What all followers work with.

    `ask` joins a collection's room, and gives None where there is no feed; `link` is the number of the feed's
    connection, None where there is none. `tell` lets the audience look; `count` is how many follow.
    """

    datasource: DatasourceClient
    mirror: Mirror
    loader: Loader
    keeper: Keeper
    settings: EndpointSettings
    ask: Callable[[str, int], Awaitable[Word | None]]
    link: Callable[[], int | None]
    tell: Callable[[], None]
    count: Callable[[], int]


class Follower:
    """Starts from the last good copy, then reconciles with the datasource, then listens to its pushes.

    While neither Redis nor the datasource gave a copy, both are tried again.

    Whatever it hears is a hint; each new connection, each gap and a slow timer lead back to reconciling.
    """

    def __init__(self, mirrored: Mirrored, tools: Tools) -> None:
        self._mirrored = mirrored
        self._name = mirrored.name
        self._tools = tools
        self._failures = 0

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            if self._mirrored.copy is None:
                await self._recall()
            try:
                await self._reconcile()
                await self._listen()
            except ScraprError as error:
                self._fail(error)
                await self._mirrored.news.wait(timeout=backoff.delay(self._failures))

    async def _recall(self) -> None:
        """Start from the last good copy, if Redis has one and answers."""
        try:
            recalled = await self._tools.loader.recall(self._name)
        except (Unavailable, Damaged) as error:
            if not self._failures:
                log.warning("no copy recalled", collection=self._name, reason=error.detail)
            return
        if recalled:
            copy, standing = recalled
            self._mirrored.show(copy, confirmed_at=standing.confirmed_at)
            metrics.LOADS.labels("redis").inc()
            log.info("copy recalled", collection=self._name, version=copy.version, records=copy.total)

    async def _reconcile(self) -> None:
        copy = self._mirrored.copy
        version = None if copy is None else copy.version
        word = await self._tools.ask(self._name, version or 0)
        if word is not None:
            await self._act(follow.judge(version, word.latest, far=self._tools.settings.far), "asked")
        else:
            # Without a feed the answers to plain requests say as much, only later.
            await self._act(Reload("never seen") if version is None else Ask(version), "asked")
        # The connection whose room was joined may have ended meanwhile: then nobody would tell of a change.
        self._succeed(live=word is not None and word.link == self._tools.link())

    async def _listen(self) -> None:
        """Do what the pushes say until it is time to reconcile: after a new connection, or by the timer."""
        mirrored = self._mirrored
        while await mirrored.news.wait(timeout=self._time_to_look()):
            if not mirrored.live:
                return
            while mirrored.mail and mirrored.copy is not None:
                await self._act(follow.hear(mirrored.copy.version, mirrored.mail.popleft()), "push")

    def _time_to_look(self) -> float:
        return max(self._tools.settings.check if self._mirrored.live else PAUSE, self._tools.count() / LOOKS)

    def _fail(self, error: ScraprError) -> None:
        self._failures += 1
        self._mirrored.lose(known_until_now=False)
        if self._failures == 1:
            log.warning("collection lost", collection=self._name, reason=error.detail)

    def _succeed(self, *, live: bool) -> None:
        if self._failures:
            log.info("collection recovered", collection=self._name, failures=self._failures)
        self._failures = 0
        self._mirrored.confirm(live=live)
        self._tools.tell()

    async def _act(self, step: Step, how: str) -> None:
        try:
            match step:
                case Apply(changes):
                    await self._apply(changes, how)
                case Ask():
                    await self._catch_up()
                case Reload(reason):
                    await self._replace(await self._tools.loader.load(self._name), reason)
                case Begin():
                    await self._replace(await self._tools.loader.begin(), "nothing there yet")
        except Torn as error:
            log.error("copy torn", collection=self._name, reason=str(error))
            await self._act(Reload("torn"), how)

    async def _apply(self, changes: tuple[Change, ...], how: str) -> None:
        mirrored, copy = self._mirrored, self._copy()
        after, effect = await asyncio.to_thread(self._tools.mirror.apply, copy, changes)
        mirrored.show(after, confirmed_at=time.time(), changes=changes)
        self._tools.tell()
        self._tools.keeper.note(self._name, copy.version, effect)
        metrics.APPLIED.labels(how).inc(len(changes))
        metrics.LAG.observe(max(0.0, time.time() - changes[0].at.timestamp()))

    def _copy(self) -> Copy:
        if self._mirrored.copy is None:
            raise AssertionError("unreachable: changes are applied to a copy")
        return self._mirrored.copy

    async def _catch_up(self) -> None:
        """Ask for changes until there are no more."""
        while True:
            since = self._copy().version
            try:
                page = await self._tools.datasource.changes(
                    self._name, since=since, limit=self._tools.settings.page
                )
            except NotFound:
                return await self._act(follow.judge(since, 0, far=0), "asked")
            except Expired:
                return await self._act(Reload("changes are gone"), "asked")
            step = follow.read(since, page)
            await self._act(step, "asked")
            if not isinstance(step, Apply) or self._copy().version >= page.latest:
                return None

    async def _replace(self, copy: Copy, reason: str) -> None:
        """Serve `copy` in place of the one before."""
        before = self._mirrored.copy
        self._mirrored.show(copy, confirmed_at=time.time())
        self._tools.tell()
        anew = before is not None and before.version > copy.version
        self._tools.keeper.note_whole(self._name, over=before.version if before and anew else -1)
        if before is not None:
            self._mirrored.forget_pasts()
            if not anew:
                await asyncio.to_thread(self._tools.mirror.inherit, copy.table, before.table)
            await asyncio.to_thread(self._tools.mirror.drop, before.table)
        metrics.LOADS.labels("datasource").inc()
        log.info(
            "copy loaded", collection=self._name, reason=reason, version=copy.version, records=copy.total
        )
