"""One run: pages are fetched and extracted while the items of those before are handed to the datasource."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from scrapr.fetching.client import Client
from scrapr.model import times
from scrapr.model.batch import Batch
from scrapr.model.batch import Run as Ended
from scrapr.model.claim import Claim
from scrapr.model.errors import Conflict, NotFound, Refused, ScraprError, StaleEpoch, TooLarge, Unavailable
from scrapr.model.rules import Removal
from scrapr.roles.scraper import crawl, metrics
from scrapr.roles.scraper.buffer import Buffer
from scrapr.roles.scraper.insistence import insist
from scrapr.roles.scraper.isolation import Isolation
from scrapr.roles.scraper.memory import Memory, name_of
from scrapr.roles.scraper.reading import Reader
from scrapr.roles.scraper.settings import ScraperSettings
from scrapr.roles.scraper.sink import Sink
from scrapr.roles.scraper.store import Store
from scrapr.roles.scraper.walk import Found, Progress, Walk

log = structlog.get_logger()
FAULT = "An error of scrapr itself: {!r}"
BELIEVED = 3
"""For how many ttls an unchanged page is believed at least."""


@dataclass(frozen=True)
class Tools:
    """What every run works with."""

    fetcher: Client
    datasource: Sink
    isolation: Isolation
    store: Store
    settings: ScraperSettings


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
            fields=configuration.field_rules,
        )
        self._identity = identity
        self._started_at = times.now()
        self._progress = Progress()
        self._memory = Memory()
        self._buffer = Buffer(pages=tools.settings.buffer, most=tools.settings.buffer_bytes)
        self._fetching: asyncio.Timeout | None = None
        self._fetched = False
        self.interruption: str | None = None
        """Why the run was cut from outside, if it was."""
        self.stale = False
        """The datasource says that the claim has passed to another."""
        self.outdated = False
        """The datasource lacks what pages gave that are unchanged: the next run reads them again."""

    async def make(self) -> Ended:
        """Go through the pages, hand over the items, and tell the datasource how it ended.

        Returns when the datasource has it all, however long that takes: whoever has no use for that any more
        cancels. Faults of ours are its error: they must not take down the runs of all other configurations.
        """
        try:
            return await self._make()
        except Exception as fault:
            log.exception("run broke", run=self._identity)
            return self.end(FAULT.format(fault))

    async def _make(self) -> Ended:
        await self._recall()
        ended = self.end(await self._announce() or await self._work())
        if not self.stale:
            # Told to the datasource alone: it is long, and of no use to anybody else.
            unchanged = {run: tuple(urls) for run, urls in self._progress.unchanged.items()}
            try:
                await self._deliver(ended.model_copy(update={"unchanged": unchanged}))
            except ScraprError as error:
                self.stale = isinstance(error, StaleEpoch)
                self.outdated = bool(unchanged) and isinstance(error, Conflict) and not self.stale
                log.warning("end of run refused", run=self._identity, reason=error.detail)
            else:
                await self._remember(whole=ended.outcome == "complete")
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
        counts = self._progress.counts
        outcome, shown = crawl.conclude(counts, error)
        return Ended(
            run=self._identity,
            collection=self._head.collection,
            configuration=self._head.configuration,
            epoch=self._head.epoch,
            revision=self._claim.configuration.revision,
            removal=self._claim.configuration.removal or Removal(),
            outcome=outcome,
            started_at=self._started_at,
            finished_at=times.now(),
            pages=counts.batches,
            items=counts.items,
            unchanged_pages=counts.unchanged,
            unchanged_items=counts.unchanged_items,
            wasted_pages=counts.wasted,
            bytes=counts.bytes,
            retries=counts.retries,
            waited={cause: round(seconds, 3) for cause, seconds in counts.waited.items()},
            error=shown,
            matches=dict(counts.matches),
            fill=counts.fill(self._progress.fields),
            unconverted=dict(counts.unconverted),
        )

    async def _announce(self) -> str | None:
        """Have earlier holders refused before anything is read: what they read later would else count as older."""
        datasource, claim = self._tools.datasource, self._claim
        if claim.epoch <= 1:
            return None
        try:
            await insist(lambda: datasource.announce(claim.configuration.id, claim.epoch), run=self._identity)
        except NotFound:
            return None  # the datasource is of an older release: it learns of the epoch by the first batch
        except ScraprError as refused:
            self.stale = isinstance(refused, StaleEpoch)
            return f"The datasource refused: {refused.detail}"
        return None

    async def _work(self) -> str | None:
        error: str | None = None
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send_all(), name=f"send {self._identity}")
                error = await self._fetch_all(group)
                await self._buffer.put(None)
        except* ScraprError as refused:
            error = self._explain(refused)
        except* Exception as bugs:
            # Caught here already, so that the datasource hears of the end.
            log.exception("run broke", run=self._identity)
            error = FAULT.format(bugs.exceptions[0])
        return error

    def _explain(self, refused: BaseExceptionGroup[ScraprError]) -> str:
        leaf = refused.exceptions[0]
        self.stale = isinstance(leaf, StaleEpoch)
        return f"The datasource refused: {leaf.detail if isinstance(leaf, ScraprError) else leaf}"

    async def _fetch_all(self, group: asyncio.TaskGroup) -> str | None:
        """Fetch and extract up to the end; the answer is what cut that short."""
        if self.interruption is not None:
            return self.interruption
        try:
            async with asyncio.timeout(None) as self._fetching:
                return await self._walk(group).go()
        except TimeoutError:
            if self.interruption is None:
                raise
            return self.interruption
        except ScraprError as error:
            return error.detail
        finally:
            self._fetching, self._fetched = None, True

    def _walk(self, group: asyncio.TaskGroup) -> Walk:
        tools, configuration = self._tools, self._claim.configuration
        source = configuration.scraper.source if configuration.scraper is not None else None
        return Walk(
            configuration,
            self._identity,
            fetcher=tools.fetcher,
            reader=Reader(tools.fetcher, tools.isolation, tools.settings, configuration.fetch, source),
            settings=tools.settings,
            memory=self._memory,
            progress=self._progress,
            group=group,
            give=self._buffer.put,
        )

    async def _recall(self) -> None:
        """Learn what the pages were the last time; without Redis, everything is new."""
        settings, configuration = self._tools.settings, self._claim.configuration
        believed = max(settings.refresh, BELIEVED * configuration.ttl)
        self._memory = Memory(since=time.time() - believed, most=settings.remembered)
        if settings.remembered:
            try:
                self._memory.known = await self._tools.store.load_pages(
                    name_of(configuration), self._identity, believed
                )
            except Unavailable as error:
                self._memory.most = 0
                log.warning("pages are not remembered", run=self._identity, reason=error.detail)

    async def _remember(self, *, whole: bool) -> None:
        if not self._memory.most:
            return
        try:
            await self._tools.store.save_pages(
                name_of(self._claim.configuration), self._memory.news(whole=whole)
            )
        except Unavailable as error:
            log.warning("pages not noted", run=self._identity, reason=error.detail)

    async def _send_all(self) -> None:
        while (found := await self._buffer.get()) is not None:
            # Together with the pages that were read while those before them were sent.
            await self._send_together([found, *self._buffer.take_waiting()])

    async def _send_together(self, all_found: Sequence[Found]) -> None:
        try:
            await self._send(all_found)
        except StaleEpoch:
            raise
        except Refused:
            if len(all_found) == 1:
                raise
            # Which page it is, tells sending them one by one; those before it are kept.
            for found in all_found:
                await self._send_together([found])
            return
        for found in all_found:
            if found.known is not None:
                self._memory.learn(found.asked, found.known)

    async def _send(self, all_found: Sequence[Found]) -> None:
        """Hand over pages as the next batches; one that is too large for a batch as several."""
        first = self._progress.counts.batches + 1
        batches = [self._pack(found, number) for number, found in enumerate(all_found, start=first)]
        try:
            await self._deliver(batches)
        except TooLarge:
            half = len(all_found[0].items) // 2
            if len(all_found) > 1 or not half:
                raise
            found = all_found[0]
            await self._send([replace(found, items=found.items[:half])])
            await self._send([replace(found, items=found.items[half:])])
            return
        sent = [len(found.items) for found in all_found]
        metrics.ITEMS.inc(sum(sent))
        self._progress.counts = self._progress.counts.sent(*sent)

    def _pack(self, found: Found, number: int) -> Batch:
        # Copied past the validation, which would look at each value again: they are our own extraction's.
        names = tuple(self._progress.fields)
        update = {"data": found.items, "page": number, "source": found.url, "names": names}
        return self._head.model_copy(update=update)

    async def _deliver(self, parcel: Sequence[Batch] | Ended) -> None:
        """Send until it is durable. Raises what the datasource refuses, which no later try would change."""
        datasource = self._tools.datasource
        if isinstance(parcel, Ended):
            await insist(lambda: datasource.send(parcel), run=self._identity)
        else:
            await insist(lambda: datasource.send_all(parcel), run=self._identity)
