"""The reducer: woken by the inbox, it reduces what waits, collection by collection."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from time import perf_counter
from typing import Any, TypeAlias

import structlog

from scrapr.model.batch import Reduction
from scrapr.model.change import Change
from scrapr.model.errors import TooLarge, Unavailable
from scrapr.model.times import now
from scrapr.roles.datasource import metrics, removal
from scrapr.roles.datasource.agenda import Agenda
from scrapr.roles.datasource.dropping import Dropper
from scrapr.roles.datasource.inbox import Inbox
from scrapr.roles.datasource.lateness import find_grown
from scrapr.roles.datasource.ledger import Ledger, Locked, Outrun
from scrapr.roles.datasource.rebuilding import Rebuilder
from scrapr.roles.datasource.reduce import Folding, keys_of
from scrapr.roles.datasource.settings import DatasourceSettings
from scrapr.roles.datasource.standing import Effect, End, Fold, Page, Standing
from scrapr.runtime import backoff
from scrapr.storage.change_stream import Bookmark
from scrapr.storage.hearing import Ear
from scrapr.storage.mongo import Collection, Document

log = structlog.get_logger()
OUTRUN_PAUSE = 0.01
OUTRUN_PAUSE_MOST = 0.5
Tell: TypeAlias = Callable[[Sequence[Change]], Awaitable[None]]
"""Told of changes as soon as they are written."""


class Settled(Bookmark):
    """A bookmark that only moves when all that was heard of before is reduced."""

    def __init__(self, tokens: Collection, name: str, agenda: Agenda) -> None:
        super().__init__(tokens, name)
        self._agenda = agenda

    async def save(self, token: Any) -> None:
        """Store `token` if nothing that came before it waits in this process."""
        if self._agenda.settled:
            await super().save(token)


class Reducer:
    """Reduces batches and run ends, each once. Several replicas share the collections: each is one's for a while.

    A collection that nobody reduced lately is its who does first; the others look again when its lease may be over.
    """

    def __init__(
        self,
        inbox: Inbox,
        ledger: Ledger,
        dropper: Dropper,
        rebuilder: Rebuilder,
        settings: DatasourceSettings,
        tell: Tell,
    ) -> None:
        self._inbox = inbox
        self._ledger = ledger
        self._dropper = dropper
        self._rebuilder = rebuilder
        self._settings = settings
        self._tell = tell
        self._agenda = Agenda(gather=settings.gather)
        self._others: set[str] = set()
        """Collections that another replica holds, until they are looked at again."""
        self._outrun: Counter[str] = Counter()
        """How often in a row another replica was faster."""

    @property
    def ear(self) -> Ear:
        """For what is inserted into the inbox, without the items."""
        return Ear(
            self._inbox.batches.name,
            {"operationType": "insert"},
            self._hear,
            ("fullDocument.collection",),
            resumes=True,
        )

    @property
    def bookmark(self) -> Settled:
        """Up to where all that was heard is reduced."""
        return Settled(self._inbox.tokens, "database", self._agenda)

    async def _hear(self, event: Document | None) -> None:
        """Mark the collections for which something arrives at other replicas."""
        if event is None:
            self._inbox.forget()
            await self._mark_all()
        elif not self._inbox.knows(event["documentKey"]["_id"]):
            self._agenda.mark(event["fullDocument"]["collection"])

    async def reconcile(self) -> None:
        """Look at the whole inbox at once and then now and then: the safety net, and the patience with ends."""
        while True:
            await self._mark_all()
            await asyncio.sleep(self._settings.reconcile)

    async def work(self) -> None:
        """Reduce one marked collection after the other, until cancelled."""
        while True:
            async with self._agenda.next() as collection:
                if await self._try(collection):
                    self._agenda.mark(collection, urgent=True)

    async def _try(self, collection: str) -> bool:
        """Reduce as `_reduce` does, unless somebody else is at it: then there is more to do in a moment."""
        try:
            more = await self._reduce(collection)
        except Outrun as error:
            metrics.OUTRUN.inc()
            self._outrun[collection] += 1
            if isinstance(error, Locked):
                await self._ledger.make_way()
            pause = backoff.delay(self._outrun[collection], first=OUTRUN_PAUSE, most=OUTRUN_PAUSE_MOST)
            await asyncio.sleep(pause)
            return True
        self._outrun.pop(collection, None)
        return more

    async def drain(self) -> None:
        """Take nothing new, finish what is at hand, and leave the rest to the others."""
        await self._agenda.close()
        try:
            await self._ledger.release()
        except Unavailable as error:
            log.warning("leases not given back", reason=error.detail)  # they run out

    def mark(self, collection: str) -> None:
        """There is work for `collection` that no arrival tells of."""
        self._agenda.mark(collection)

    async def _mark_all(self) -> None:
        for collection in (*await self._inbox.collections_waiting(), *await self._ledger.unsettled()):
            self._agenda.mark(collection)

    def _leave(self, collection: str, seconds: float) -> None:
        """Leave a collection to the replica that holds it until that may be gone."""
        self._others.add(collection)
        asyncio.get_running_loop().call_later(seconds, self._look_again, collection)

    def _look_again(self, collection: str) -> None:
        self._others.discard(collection)
        self._agenda.mark(collection)

    async def _reduce(self, collection: str) -> bool:
        """Reduce what one transaction takes; whether there may be more."""
        if collection in self._others:
            return False
        standing, (pages, more), ends = await asyncio.gather(
            self._ledger.standing(collection), self._inbox.waiting(collection), self._inbox.ends(collection)
        )
        if (seconds := standing.held_against(self._ledger.replica)) > 0:
            self._leave(collection, seconds)
            return False
        if standing.dropped is not None and not standing.dropped.is_done:
            await self._dropper.finish(collection, standing.dropped)
            return True
        if begun := [end for end in ends if end.has_begun]:
            # What comes meanwhile must not come between its parts, or a rebuild would make other records.
            return any([await self._end_whole(collection, end) for end in begun])
        if earlier := await self._inbox.earlier(collection, find_grown(standing, pages)):
            # What earlier holders sent goes first, or it would count as late.
            pages, more = earlier, True
        if pages:
            await self._reduce_pages(standing, pages)
        for end in ends:
            await self._end_whole(collection, end)
        return more or (standing.rebuild is not None and await self._rebuilder.step(collection))

    async def _end_whole(self, collection: str, end: End) -> bool:
        while not await self._end(collection, end):
            pass
        return True

    async def _reduce_pages(self, standing: Standing, pages: Sequence[Page]) -> None:
        """Reduce `pages`; what cannot be reduced even alone is set aside, or it would stop all that follows."""
        try:
            await self._fold(standing, pages)
        except TooLarge as error:
            if len(pages) == 1:
                metrics.SPOILED.inc()
                log.error("batch set aside", collection=standing.name, batch=pages[0].id, reason=error.detail)
                await self._inbox.set_aside(pages[0].id, error.detail)
                return
            for page in pages:
                await self._reduce_pages(await self._ledger.standing(standing.name), [page])

    async def _fold(self, standing: Standing, pages: Sequence[Page]) -> None:
        started = perf_counter()
        old = await self._ledger.recall(standing.name, keys_of(pages))
        folding = Folding(standing, old, most=self._settings.collected)
        for page in pages:
            folding.add(page)
            await asyncio.sleep(0)  # whoever waits for an acknowledgement comes first
        folded = folding.whole()
        await self._ledger.reduce(folded, pages)
        if folded.changes:
            await self._tell(folded.changes)
        seconds = perf_counter() - started
        metrics.REDUCTION.observe(seconds)
        metrics.LAG.observe(max(0.0, (now() - pages[0].received_at).total_seconds()))
        metrics.UNKEYED.inc(sum(effect.unkeyed for effect in folded.effects.values()))
        metrics.QUARANTINED.inc(sum(effect.quarantined for effect in folded.effects.values()))
        _count(folded, len(pages))
        _tell_lone_runs(folded, pages)
        log.debug("batches", **_canonical(folded), batches=len(pages), ms=round(seconds * 1e3, 1))

    async def _end(self, collection: str, end: End) -> bool:
        """Reduce a run's end if its pages are; False if there is a part of it left to do."""
        effects = await self._inbox.effects(end.run)
        whole = removal.is_whole(end, effects)
        if not whole and now() - end.received_at < timedelta(seconds=self._settings.patience):
            return True
        standing = await self._ledger.standing(collection)
        kept, unseen = await self._ledger.to_forget(
            standing, end, list(effects.values()), whole=whole, most=self._settings.gather_items
        )
        is_last = len(unseen) < self._settings.gather_items
        part = removal.forget(standing, end, unseen, is_last=is_last)
        reduction = _reduction(effects, kept)
        removed = await self._ledger.end(part, end, reduction)
        if part.changes:
            await self._tell(part.changes)
        _count(part, 1 if is_last else 0)
        if is_last:
            told = {
                name: reduction[name] for name in ("created", "updated", "unkeyed", "quarantined", "kept")
            }
            log.info(
                "run",
                run=end.run,
                configuration=end.configuration,
                collection=collection,
                version=part.after.version,
                removed=removed,
                **told,
            )
        return is_last


def _reduction(effects: dict[int, Effect], kept: str | None) -> Document:
    sums = {
        name: sum(getattr(effect, name) for effect in effects.values())
        for name in ("created", "updated", "unkeyed", "quarantined")
    }
    return Reduction(**sums, removed=0, kept=kept, at=now()).model_dump()


def _tell_lone_runs(folded: Fold, pages: Sequence[Page]) -> None:
    for page in pages:
        if page.is_alone:
            effect = folded.effects[page.id]
            metrics.RUNS.labels("healthy").inc()
            log.info(
                "run",
                run=page.run,
                configuration=None,
                collection=folded.after.name,
                version=folded.after.version,
                created=effect.created,
                updated=effect.updated,
                removed=0,
                unkeyed=effect.unkeyed,
            )


def _count(folded: Fold, batches: int) -> None:
    metrics.REDUCED.inc(batches)
    for op, count in Counter(change.op for change in folded.changes).items():
        metrics.CHANGES.labels(op).inc(count)


def _canonical(folded: Fold) -> dict[str, Any]:
    return {
        "collection": folded.after.name,
        "version": folded.after.version,
        "changes": len(folded.changes),
        "removed": len(folded.removed),
    }
