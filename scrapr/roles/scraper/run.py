"""One run: pages are fetched and extracted while the items of those before are handed to the datasource."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass

import structlog

from scrapr.client.datasource import DatasourceClient
from scrapr.extraction.rules import compile_rules
from scrapr.fetching.client import Client
from scrapr.fetching.page import Page, Request
from scrapr.model import times
from scrapr.model.batch import Batch
from scrapr.model.batch import Run as Ended
from scrapr.model.claim import Claim
from scrapr.model.configuration import Scraper
from scrapr.model.errors import Damaged, ScraprError, StaleEpoch, TooLarge, TooMany, Unavailable
from scrapr.model.item import Item
from scrapr.roles.scraper import crawl, metrics
from scrapr.roles.scraper.isolation import Isolation
from scrapr.roles.scraper.reading import Reader, Reading
from scrapr.roles.scraper.settings import ScraperSettings
from scrapr.runtime import backoff

log = structlog.get_logger()
URL_LIMIT = 8192
"""Characters that a batch's source may have."""


@dataclass(frozen=True)
class Tools:
    """What every run works with."""

    fetcher: Client
    datasource: DatasourceClient
    isolation: Isolation
    settings: ScraperSettings


@dataclass(frozen=True, slots=True)
class Found:
    """The items of one page, on their way to the datasource."""

    url: str
    items: list[Item]


def make_id() -> str:
    """A run's id: those of later runs sort after those of earlier ones."""
    return f"{time.time_ns() // 1_000_000:012x}-{secrets.token_hex(5)}"


class Run:
    """One pass over a configuration's pages under one claim."""

    def __init__(self, tools: Tools, claim: Claim, identity: str) -> None:
        self._tools = tools
        self._claim = claim
        configuration = claim.configuration
        self._head = Batch(
            collection=configuration.collection,
            data=[],
            run=identity,
            configuration=configuration.id,
            epoch=claim.epoch,
            key=configuration.key_fields,
            collect=configuration.collected,
        )
        self._identity = identity
        self._started_at = times.now()
        self._counts = crawl.Counts()
        self._queue: asyncio.Queue[Found | None] = asyncio.Queue(tools.settings.buffer)
        self._fetching: asyncio.Timeout | None = None
        self._fetched = False
        self.interruption: str | None = None
        """Why the run was cut from outside, if it was."""
        self.stale = False
        """The datasource says that the claim has passed to another."""

    async def make(self) -> Ended:
        """Go through the pages, hand over the items, and tell the datasource how it ended.

        Returns when the datasource has it all, however long that takes: whoever has no use for that any more
        cancels.
        """
        ended = self.end(await self._work())
        if not self.stale:
            try:
                await self._deliver(ended)
            except ScraprError as error:
                self.stale = isinstance(error, StaleEpoch)
                log.warning("end of run refused", run=self._identity, reason=error.detail)
        return ended

    def interrupt(self, why: str) -> None:
        """Fetch no more; what was extracted is still handed over, and the run ends as cut.

        A run that has fetched everything already ends as it would.
        """
        if self.interruption is None and not self._fetched:
            self.interruption = why
            if self._fetching is not None:
                self._fetching.reschedule(asyncio.get_running_loop().time())

    def end(self, error: str | None) -> Ended:
        """The run as it is recorded if it ends now, by `error` or without."""
        counts = self._counts
        outcome, shown = crawl.conclude(counts, error)
        return Ended(
            run=self._identity,
            collection=self._head.collection,
            configuration=self._head.configuration,
            epoch=self._head.epoch,
            outcome=outcome,
            started_at=self._started_at,
            finished_at=times.now(),
            pages=counts.batches,
            items=counts.items,
            bytes=counts.bytes,
            retries=counts.retries,
            error=shown,
            matches=dict(counts.matches),
        )

    async def _work(self) -> str | None:
        error: str | None = None
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send_all(), name=f"send {self._identity}")
                error = await self._fetch_all()
                await self._queue.put(None)
        except* ScraprError as refused:
            error = self._explain(refused)
        except* Exception as bugs:
            # One configuration whose page finds a fault of ours must not take down the runs of all others.
            log.exception("run broke", run=self._identity)
            error = f"An error of scrapr itself: {bugs.exceptions[0]!r}"
        return error

    def _explain(self, refused: BaseExceptionGroup[ScraprError]) -> str:
        leaf = refused.exceptions[0]
        self.stale = isinstance(leaf, StaleEpoch)
        return f"The datasource refused: {leaf.detail if isinstance(leaf, ScraprError) else leaf}"

    async def _fetch_all(self) -> str | None:
        """Fetch and extract up to the end; the answer is what cut that short."""
        if self.interruption is not None:
            return self.interruption
        try:
            async with asyncio.timeout(None) as self._fetching:
                return await self._walk()
        except TimeoutError:
            if self.interruption is None:
                raise
            return self.interruption
        except ScraprError as error:
            return error.detail
        finally:
            self._fetching, self._fetched = None, True

    async def _walk(self) -> str | None:
        settings, scraper = self._tools.settings, _scraper_of(self._claim)
        rules = compile_rules(scraper.selector, scope=scraper.scope, paginate=scraper.paginate)
        options = self._claim.configuration.fetch
        reader = Reader(self._tools.fetcher, self._tools.isolation, settings, options)
        trail = crawl.Trail(scraper.source, limit=scraper.limit, most=settings.pages)
        at: str | crawl.Stop = scraper.source
        while isinstance(at, str):
            page = await self._tools.fetcher.fetch(Request(url=at, options=options))
            if trail.repeats(at, page.url):
                return None
            reading = await reader.read(rules, page)
            self._count(page, reading)
            at = trail.follow(page.url, reading.extraction.next_url)
            if reading.extraction.items:
                await self._queue.put(Found(page.url, reading.extraction.items))
        return at.error

    def _count(self, page: Page, reading: Reading) -> None:
        size = page.size + reading.size
        metrics.PAGES.inc()
        metrics.BYTES.inc(size)
        self._counts = self._counts.fetched(
            size=size,
            retries=page.retries + reading.retries,
            matches=reading.extraction.matches,
            absent=reading.absent,
        )

    async def _send_all(self) -> None:
        while (found := await self._queue.get()) is not None:
            await self._send(found)

    async def _send(self, found: Found) -> None:
        """Hand over the items as the next batch, or as several where they are too large for one."""
        number = self._counts.batches + 1
        update = {"data": found.items, "page": number, "source": found.url[:URL_LIMIT]}
        try:
            # Copied past the validation, which would look at each value again: they are our own extraction's.
            await self._deliver(self._head.model_copy(update=update))
        except TooLarge:
            half = len(found.items) // 2
            if not half:
                raise
            await self._send(Found(found.url, found.items[:half]))
            await self._send(Found(found.url, found.items[half:]))
            return
        metrics.ITEMS.inc(len(found.items))
        self._counts = self._counts.sent(len(found.items))

    async def _deliver(self, parcel: Batch | Ended) -> None:
        """Send until it is durable. Raises what the datasource refuses, which no later try would change."""
        failures = 0
        while True:
            try:
                await self._tools.datasource.send(parcel)
            except (Unavailable, TooMany) as error:
                failures += 1
                metrics.DELAYED.inc()
                if failures == 1:
                    log.warning("datasource does not take it", run=self._identity, reason=error.detail)
                await asyncio.sleep(max(error.retry_after or 0, backoff.delay(failures)))
            else:
                if failures:
                    log.info("datasource takes it again", run=self._identity, tries=failures + 1)
                return


def _scraper_of(claim: Claim) -> Scraper:
    scraper = claim.configuration.scraper
    if scraper is None:
        raise Damaged("The configuration says not what to scrape")
    return scraper
