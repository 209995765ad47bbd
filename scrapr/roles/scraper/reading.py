"""From a fetched page to its items, with what stands on the pages that they link to (`$follow`)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from scrapr.extraction.extract import Extraction, Follow, extract, fill
from scrapr.extraction.haste import TAGS_MOST, Haste, Overdue
from scrapr.extraction.rules import Rules
from scrapr.fetching.client import Client
from scrapr.fetching.errors import FetchFailed, FetchRefused
from scrapr.fetching.page import Page, Request
from scrapr.fetching.suspicion import suspicion
from scrapr.model.errors import ScraprError, TooLarge
from scrapr.model.fetch import FetchOptions
from scrapr.roles.scraper.isolation import Isolation
from scrapr.roles.scraper.settings import ScraperSettings

GONE = frozenset({404, 410})
OVERDUE_MOST = 3
"""Pages of a run in a row that are overdue; the others go to a thread at once.

One may be overdue by chance: garbage is collected whenever there is enough of it.
"""
STEEP_MOST = 300
"""Tags of a page to which steep selectors are applied in this process: nested to the worst, they take 25 ms."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found on a page, and what those behind its links took: bytes, retries, waits, and which are absent.

    The parts of an item that stand on an absent page are as on an empty one.
    """

    extraction: Extraction
    size: int = 0
    retries: int = 0
    waited: Mapping[str, float] = field(default_factory=dict)
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Behind:
    """A page behind links, read by the rules of each; none where the page is not there."""

    size: int = 0
    retries: int = 0
    waited: Mapping[str, float] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    readings: Mapping[Rules, Reading] = field(default_factory=dict)


class Reader:
    """Reads pages.

    Raises `TooLarge`, `HostilePage`, and `FetchFailed` for a page behind a link that may come another time.
    """

    def __init__(
        self,
        fetcher: Client,
        isolation: Isolation,
        settings: ScraperSettings,
        options: FetchOptions | None,
        source: str | None = None,
    ) -> None:
        self._fetcher = fetcher
        self._isolation = isolation
        self._settings = settings
        self._options = options
        self._source = source
        self._overdue = 0
        """Pages in a row that were overdue."""

    async def read(self, rules: Rules, page: Page) -> Reading:
        """What `rules` find on `page`."""
        extraction = await self._extract(rules, page)
        follows = extraction.follows
        if not follows:
            return Reading(extraction)
        if len(follows) > self._settings.follows:
            raise TooLarge(
                f"{page.url} has {len(follows)} links to follow; allowed: {self._settings.follows}"
            )
        found = await self._follow_all(follows)
        readings = [found[each.url].readings.get(each.rules) for each in follows]
        return Reading(
            fill(extraction, [None if reading is None else reading.extraction for reading in readings]),
            size=sum(behind.size for behind in found.values()),
            retries=sum(behind.retries for behind in found.values()),
            waited=_total(behind.waited for behind in found.values()),
            absent=tuple(url for behind in found.values() for url in behind.absent),
        )

    async def lacks(self, all_rules: Iterable[Rules], page: Page) -> bool:
        """Whether some of the rules find nothing on `page`, as before its scripts have run."""
        for rules in all_rules:
            extraction = await self._extract(rules, page)
            if not (extraction.items if rules.scope is None else extraction.matches["scope"]):
                return True
        return False

    async def _extract(self, rules: Rules, page: Page) -> Extraction:
        try:
            tags = page.text.count("<")
            found = self._extract_at_once(rules, page, tags)
            if found is None:
                # The parser lets go of the interpreter, so a thread keeps the process answering meanwhile.
                found = await self._isolation.work(partial(_extract_ordinary, rules, page, tags))
            if isinstance(found, Extraction):
                return found
            return await self._isolation.extract(rules, page.text, page.url, why=found)
        except TooLarge as error:
            raise TooLarge(f"{page.url}: {error.detail}") from error

    def _extract_at_once(self, rules: Rules, page: Page, tags: int) -> Extraction | str | None:
        """As `_extract_ordinary`; None for a page that would hold up the event loop, or others of this run before."""
        if self._overdue >= OVERDUE_MOST or tags > TAGS_MOST or len(page.text) > self._settings.inline:
            return None
        try:
            found = _extract_ordinary(rules, page, tags, Haste(tags))
        except Overdue:
            self._overdue += 1
            return None
        self._overdue = 0
        return found

    async def _follow_all(self, follows: Iterable[Follow]) -> dict[str, Behind]:
        """Each page once, all at the same time: how many that really are, the fetcher decides."""
        wanted: dict[str, set[Rules]] = {}
        for each in follows:
            wanted.setdefault(each.url, set()).add(each.rules)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = {url: group.create_task(self._follow(url, rules)) for url, rules in wanted.items()}
        except ExceptionGroup as group:
            first = group.exceptions[0]
            raise (first if isinstance(first, ScraprError) else group) from None
        return {url: task.result() for url, task in tasks.items()}

    async def _follow(self, url: str, all_rules: Collection[Rules]) -> Behind:
        try:
            lacks = partial(self.lacks, all_rules)
            page = await self._fetcher.fetch(
                Request(
                    url=url,
                    expect="any" if any(rules.reads_json for rules in all_rules) else "html",
                    options=self._options,
                    source=self._source,
                    lacks=lacks,
                )
            )
        except FetchFailed as failure:
            # What may come another time must not empty fields that are filled: then the page as a whole fails.
            if isinstance(failure, FetchRefused) or failure.status in GONE:
                return Behind(absent=(failure.detail,))
            raise
        readings = {rules: await self.read(rules, page) for rules in all_rules}
        return Behind(
            size=page.size + sum(reading.size for reading in readings.values()),
            retries=page.retries + sum(reading.retries for reading in readings.values()),
            waited=_total([page.waited, *(reading.waited for reading in readings.values())]),
            absent=tuple(url for reading in readings.values() for url in reading.absent),
            readings=readings,
        )


def _extract_ordinary(rules: Rules, page: Page, tags: int, haste: Haste | None = None) -> Extraction | str:
    """What `rules` find on the page, or why that is not for this process. Raises as `extract` does."""
    if rules.is_steep and tags > STEEP_MOST:
        return f":has() with a space or ~ on {tags} tags"
    return suspicion(page.text, tags) or extract(rules, page.text, page.url, page.encoded, haste)


def _total(all_waits: Iterable[Mapping[str, float]]) -> dict[str, float]:
    total: Counter[str] = Counter()
    for waits in all_waits:
        total.update(waits)
    return dict(total)
