"""The loops of a scraper: follow the claims, and make the runs that are due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace

import structlog

from scrapr.client.holder import Holder
from scrapr.discovery.directory import Directory
from scrapr.model import times
from scrapr.model.batch import Run as Ended
from scrapr.model.claim import Claim
from scrapr.model.configuration import Configuration
from scrapr.model.errors import ScraprError, Unavailable
from scrapr.model.inputs import required
from scrapr.roles.scraper import metrics, schedule
from scrapr.roles.scraper.inputs import with_defaults
from scrapr.roles.scraper.run import Run, Tools, make_id
from scrapr.roles.scraper.store import Store
from scrapr.runtime.trigger import Trigger

log = structlog.get_logger()
STOPPING = "The scraper was stopped"
LOST = "The claim passed to another scraper or ended"


@dataclass(frozen=True)
class Held:
    """A claim, when its next run is due (by the loop's clock), and what is remembered of the last one."""

    claim: Claim
    due: float
    last: schedule.Last | None


@dataclass(frozen=True)
class Ticket:
    """A run that was promised: its id, and its end for whoever waits."""

    configuration: Configuration
    run: str = field(default_factory=make_id)
    ended: asyncio.Future[Ended] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


@dataclass(frozen=True)
class Current:
    """A run at work."""

    ticket: Ticket
    claim: Claim
    run: Run
    task: asyncio.Task[tuple[Ended, schedule.Last]]
    last: schedule.Last


class Service:
    """Keeps every claimed configuration's data fresh."""

    def __init__(self, holder: Holder, store: Store, tools: Tools, directory: Directory) -> None:
        self._holder = holder
        self._store = store
        self._tools = tools
        self._settings = tools.settings
        self._rhythm = schedule.Rhythm(jitter=tools.settings.jitter, recover=tools.settings.recover)
        self._directory = directory
        self._held: dict[str, Held] = {}
        self._current: dict[str, Current] = {}
        self._asked: dict[str, Ticket] = {}
        self._wake = Trigger()
        self._reconciling = asyncio.Lock()
        self._stopping = False

    @property
    def configurations(self) -> tuple[Configuration, ...]:
        """Those that this scraper holds, in the order of their creation."""
        configurations = (held.claim.configuration for held in self._held.values())
        return tuple(sorted(configurations, key=lambda each: (each.created_at, each.id)))

    def claim(self, configuration: str) -> Claim | None:
        """The claim of `configuration`; None where this scraper does not hold it."""
        held = self._held.get(configuration)
        return None if held is None else held.claim

    async def look(self) -> None:
        """Claim anew now, and begin with what that brings."""
        await self._holder.refresh()
        await self._reconcile()

    def ask(self, configurations: Collection[str]) -> list[Ticket]:
        """Have each run now; one that is under way or asked for already is the same run."""
        if self._stopping:
            raise Unavailable("This scraper is stopping; another one will take over")
        tickets = [self._ask(each) for each in configurations if each in self._held]
        self._wake.pull()
        return tickets

    def _ask(self, identity: str) -> Ticket:
        configuration = self._held[identity].claim.configuration
        current = self._current.get(identity)
        if current is not None and current.claim.configuration.revision == configuration.revision:
            return current.ticket
        return self._asked.setdefault(identity, Ticket(configuration))

    async def follow(self) -> None:
        """Take up what is claimed and drop what is lost, until cancelled."""
        while True:
            await self._reconcile()
            await self._holder.changed.wait()

    async def _reconcile(self) -> None:
        async with self._reconciling:
            claims = dict(self._holder.claims)
            news = schedule.compare({each: held.claim for each, held in self._held.items()}, claims)
            lasts = await self._recall(news.gained)
            for identity in news.lost:
                self._drop(identity)
            new = news.gained | news.revised | news.retaken
            for identity in filter(new.__contains__, claims):
                self._take(claims[identity], lasts.get(identity), revised=identity in news.revised)
        metrics.HELD.set(len(self._held))
        self._directory.serve(self._held)
        self._wake.pull()

    def _take(self, claim: Claim, last: schedule.Last | None, *, revised: bool) -> None:
        identity = claim.configuration.id
        held = self._held.get(identity)
        self._held[identity] = self._plan(claim, schedule.renew(held.last) if held else last)
        current = self._current.get(identity)
        if current is None or held is None:
            return
        if revised:
            current.run.interrupt(
                f"Revision {claim.configuration.revision} of the configuration took its place"
            )
        else:
            # The datasource refuses what a run of an earlier epoch still sends; it begins again under the new one.
            current.task.cancel()

    def _plan(self, claim: Claim, last: schedule.Last | None) -> Held:
        delay = schedule.find_delay(last, claim, self._rhythm, time.time())
        return Held(claim, asyncio.get_running_loop().time() + delay, last)

    def _drop(self, identity: str) -> None:
        del self._held[identity]
        if (ticket := self._asked.pop(identity, None)) is not None:
            ticket.ended.set_result(_never_began(ticket, LOST))
        if (current := self._current.get(identity)) is not None:
            current.task.cancel()

    async def work(self) -> None:
        """Start what is due and what was asked for, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                wait = None if self._stopping else self._start_due(group)
                await self._wake.wait(timeout=wait)

    def _start_due(self, group: asyncio.TaskGroup) -> float | None:
        now = asyncio.get_running_loop().time()
        waiting = {
            identity: float("-inf") if identity in self._asked else held.due
            for identity, held in self._held.items()
            if identity not in self._current and not required(held.claim.configuration.inputs)
        }
        picked = schedule.pick(waiting, now, self._settings.runs - len(self._current))
        for identity in picked.start:
            self._start(group, self._held[identity], now)
        return picked.wait

    def _start(self, group: asyncio.TaskGroup, held: Held, now: float) -> None:
        configuration = held.claim.configuration
        asked = self._asked.pop(configuration.id, None)
        if asked is None:
            metrics.LAG.observe(max(0.0, now - held.due))
        ticket = asked or Ticket(configuration)
        last = schedule.begin(held.last, held.claim, time.time())
        self._held[configuration.id] = replace(held, last=last)
        run = Run(self._tools, with_defaults(held.claim), ticket.run)
        noted = group.create_task(self._remember(configuration, last))
        task = group.create_task(self._make(run, configuration, last, noted), name=f"run {ticket.run}")
        current = Current(ticket, held.claim, run, task, last)
        self._current[configuration.id] = current
        metrics.UNDER_WAY.set(len(self._current))
        # Not at the end of the task itself: one that is cancelled before its first step never gets there.
        task.add_done_callback(lambda _: self._settle(current))

    async def _make(
        self, run: Run, configuration: Configuration, last: schedule.Last, noted: asyncio.Task[None]
    ) -> tuple[Ended, schedule.Last]:
        ended = await run.make()
        # A run that was interrupted, or counted on too much, is as good as never ended: it is made again.
        if run.interruption is None and not run.stale and not run.outdated:
            last = schedule.finish(last)
            await noted
            await self._remember(configuration, last)
        try:
            await self._store.add_run(ended)
        except Unavailable as error:
            log.warning("run not noted", run=ended.run, reason=error.detail)
        if run.stale:
            await self._doubt()
        return ended, last

    def _settle(self, current: Current) -> None:
        if current.task.cancelled() or current.task.exception() is not None:
            ended, last = current.run.end(STOPPING if self._stopping else LOST), current.last
        else:
            ended, last = current.task.result()
        identity = current.claim.configuration.id
        del self._current[identity]
        held = self._held.get(identity)
        if held is not None:
            same = held.claim.epoch == current.claim.epoch
            self._held[identity] = self._plan(held.claim, last if same else schedule.renew(last))
        _tell(ended)
        metrics.UNDER_WAY.set(len(self._current))
        current.ticket.ended.set_result(ended)
        self._wake.pull()

    async def _doubt(self) -> None:
        """Ask config who holds what, since the datasource says that another one does."""
        try:
            await self._holder.refresh()
        except ScraprError as error:
            log.warning("claims not looked at", reason=error.detail)

    async def _recall(self, configurations: Collection[str]) -> dict[str, schedule.Last]:
        try:
            return await self._store.load_lasts(configurations)
        except Unavailable as error:
            log.warning("the schedule is not known", configurations=len(configurations), reason=error.detail)
            return {}

    async def _remember(self, configuration: Configuration, last: schedule.Last) -> None:
        try:
            await self._store.save_last(configuration.id, last, ttl=configuration.ttl)
        except Unavailable as error:
            log.warning("start not noted", configuration=configuration.id, reason=error.detail)

    async def release(self) -> None:
        """Start nothing more, let the runs at hand end or be cut, and give the claims back."""
        self._stopping = True
        for ticket in self._asked.values():
            ticket.ended.set_result(_never_began(ticket, STOPPING))
        self._asked.clear()
        if await self._left(self._settings.finish):
            for current in self._current.values():
                current.run.interrupt(STOPPING)
            await self._left(self._settings.hand_over)
        await self._holder.release()

    async def _left(self, seconds: float) -> bool:
        """Wait up to `seconds` for all runs to end; whether some are left."""
        tasks = [current.task for current in self._current.values()]
        return bool(tasks) and bool((await asyncio.wait(tasks, timeout=seconds))[1])


def _never_began(ticket: Ticket, why: str) -> Ended:
    now = times.now()
    return Ended(
        run=ticket.run,
        collection=ticket.configuration.collection,
        configuration=ticket.configuration.id,
        outcome="failed",
        started_at=now,
        finished_at=now,
        error=why,
    )


def _tell(ended: Ended) -> None:
    seconds = (ended.finished_at - ended.started_at).total_seconds()
    metrics.RUNS.labels(ended.outcome).inc()
    metrics.SECONDS.observe(seconds)
    log.info(
        "run",
        run=ended.run,
        configuration=ended.configuration,
        collection=ended.collection,
        outcome=ended.outcome,
        pages=ended.pages,
        unchanged=ended.unchanged_pages,
        items=ended.items,
        seconds=seconds,
        bytes=ended.bytes,
        error=ended.error,
    )
