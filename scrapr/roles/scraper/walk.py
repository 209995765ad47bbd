"""A run's way from page to page: fetched, ahead where that can be guessed, and read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import takewhile
from operator import attrgetter

import orjson

from scrapr.extraction.rules import kept_rules
from scrapr.fetching.client import Client
from scrapr.fetching.errors import FetchFailed
from scrapr.fetching.page import Page, Request, Validators
from scrapr.model.configuration import Configuration
from scrapr.model.errors import Damaged
from scrapr.model.item import Item
from scrapr.roles.scraper import ahead, crawl, metrics
from scrapr.roles.scraper.memory import Known, Memory
from scrapr.roles.scraper.reading import Reader, Reading
from scrapr.roles.scraper.scout import Fetched, Scout
from scrapr.roles.scraper.settings import ScraperSettings

URL_LIMIT = 8192
"""Characters that a batch's source may have."""


@dataclass(frozen=True)
class Found:
    """The items of one page, on their way to the datasource; once there, `asked` is remembered as `known`."""

    url: str
    items: list[Item]
    asked: str
    known: Known | None

    @cached_property
    def weight(self) -> int:
        """Bytes of the items as JSON."""
        return len(orjson.dumps(self.items))


@dataclass(slots=True)
class Progress:
    """How far a run has come, and the sources that it found as they were, by the run that read them last.

    `fields` are those that its items should have.
    """

    counts: crawl.Counts = field(default_factory=crawl.Counts)
    fields: tuple[str, ...] = ()
    unchanged: dict[str, list[str]] = field(default_factory=dict)


class Walk:
    """Goes through the pages of one configuration. Raises `FetchFailed` and what `Reader` raises."""

    def __init__(
        self,
        configuration: Configuration,
        run: str,
        *,
        fetcher: Client,
        reader: Reader,
        settings: ScraperSettings,
        memory: Memory,
        progress: Progress,
        group: asyncio.TaskGroup,
        give: Callable[[Found], Awaitable[None]],
    ) -> None:
        scraper = configuration.scraper
        if scraper is None:
            raise Damaged("The configuration says not what to scrape")
        self._source = scraper.source
        self._options = configuration.fetch
        self._run = run
        self._fetcher = fetcher
        self._reader = reader
        self._memory = memory
        self._progress = progress
        self._give = give
        self._rules = kept_rules(scraper.selector, scope=scraper.scope, paginate=scraper.paginate)
        progress.fields = self._rules.fields
        self._trail = crawl.Trail(scraper.source, limit=scraper.limit, most=settings.pages)
        self._scout = Scout(self._fetch, group)
        at_once = fetcher.settings_for(self._options).per_host
        self._foresight = ahead.Foresight(most=min(settings.ahead, at_once - 1))
        self._has_given = False
        self._bare: Found | None = None
        """A page that was read and has no items."""

    async def go(self) -> str | None:
        """Visit all pages; the answer is what cut that short."""
        before, at = "", self._source
        try:
            while True:
                fetched = await self._visit(before, at)
                if self._trail.repeats(at, fetched.page.url):
                    await self._tell_bare()
                    return None
                step = await self._take(at, fetched)
                if isinstance(step, crawl.Stop):
                    if step.error is None:
                        await self._tell_bare()
                    return step.error
                before, at = at, step
        except FetchFailed as failed:
            retries, waited = failed.retries, failed.waited
            self._note(lambda counts: counts.fetched(size=0, retries=retries, waited=waited))
            raise
        finally:
            self._scout.close()
            self._note(lambda counts: replace(counts, wasted=self._scout.wasted))

    async def _visit(self, before: str, at: str) -> Fetched:
        """The page at `at`; those that probably come after it are begun meanwhile."""
        guessed = self._scout.expects(at)
        if guessed is False:
            self._foresight = self._foresight.miss()
        guesses = self._guess(before, at, min(self._foresight.reach, self._trail.room - 1))
        fetched = await self._scout.fetch(at, guesses)
        if guessed:
            waited = sum(fetched.page.waited.values()) > 0
            self._foresight = self._foresight.hit(waited=waited, size=len(fetched.page.text))
        return fetched

    def _guess(self, before: str, at: str, reach: int) -> list[str]:
        """Where the last run went from `at`, else where the links' pattern leads; up to a page that was visited."""
        if reach <= 0:
            return []
        known = self._memory.recall(at) is not None
        urls = self._memory.chain(at, reach) if known else ahead.guess(before, at, reach)
        return list(takewhile(lambda url: not self._trail.knows(url), urls))

    async def _fetch(self, url: str) -> Fetched:
        if (known := self._memory.recall(url)) is not None:
            validators = Validators(known.etag, known.last_modified, known.body_hash)
            page = await self._fetcher.fetch(self._request(url, validators))
            if not page.unchanged:
                return Fetched(page)
            if page.url == known.url:
                return Fetched(page, known)
            # The same text at another address: its links lead elsewhere.
        return Fetched(await self._fetcher.fetch(self._request(url)))

    def _request(self, url: str, validators: Validators | None = None) -> Request:
        return Request(
            url=url,
            expect="any" if self._rules.reads_json else "html",
            options=self._options,
            source=self._source,
            validators=validators,
            lacks=partial(self._reader.lacks, (self._rules,)),
        )

    async def _take(self, at: str, fetched: Fetched) -> str | crawl.Stop:
        page, known = fetched.page, fetched.known
        metrics.BYTES.inc(page.size)
        self._note(lambda counts: counts.fetched(size=page.size, retries=page.retries, waited=page.waited))
        if known is None:
            return await self._read(at, page)
        metrics.UNCHANGED.inc()
        self._memory.confirm(at)
        self._progress.unchanged.setdefault(known.run, []).append(page.url[:URL_LIMIT])
        self._note(lambda counts: counts.skipped(known.items))
        return self._trail.follow(page.url, known.next_url)

    async def _read(self, at: str, page: Page) -> str | crawl.Stop:
        reading = await self._reader.read(self._rules, page)
        metrics.PAGES.inc()
        metrics.BYTES.inc(reading.size)
        self._note(lambda counts: _count(counts, reading))
        items, next_url = reading.extraction.items, reading.extraction.next_url
        step = self._trail.follow(page.url, next_url)
        known = self._remember(page, next_url, len(items))
        found = Found(page.url[:URL_LIMIT], items, at, known)
        if items:
            self._has_given = True
            await self._give(found)
            return step
        self._bare = found
        if known is not None:
            self._memory.learn(at, known)
        return step

    async def _tell_bare(self) -> None:
        """Give a page without items where it alone says that others than the unchanged pages' items are gone."""
        if self._bare is not None and not self._has_given and self._progress.counts.unchanged:
            await self._give(self._bare)

    def _remember(self, page: Page, next_url: str | None, items: int) -> Known | None:
        # What a page's links lead to may change though the page does not.
        if self._rules.has_follows:
            return None
        etag, last_modified, body_hash = attrgetter("etag", "last_modified", "body_hash")(page.validators)
        return Known(page.url, etag, last_modified, body_hash, next_url, items, self._run, time.time())

    def _note(self, change: Callable[[crawl.Counts], crawl.Counts]) -> None:
        self._progress.counts = change(self._progress.counts)


def _count(counts: crawl.Counts, reading: Reading) -> crawl.Counts:
    return counts.fetched(size=reading.size, retries=reading.retries, waited=reading.waited).read(
        reading.extraction.items,
        matches=reading.extraction.matches,
        unconverted=reading.extraction.unconverted,
        absent=reading.absent,
    )
