"""The keeper of states: woken by runs that end, by config, and by the clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog
from pymongo.asynchronous.client_session import AsyncClientSession

from scrapr.model.batch import ReducedRun
from scrapr.model.configuration import Configuration
from scrapr.model.times import now
from scrapr.roles.datasource import metrics
from scrapr.roles.datasource.hooks import events
from scrapr.roles.datasource.hooks.events import Event
from scrapr.roles.datasource.hooks.outbox import Outbox
from scrapr.roles.datasource.hooks.registry import Registry
from scrapr.roles.datasource.states import settle
from scrapr.roles.datasource.states.book import NEWS, Book
from scrapr.roles.datasource.states.settle import Entry, Patience
from scrapr.runtime.trigger import Trigger
from scrapr.storage.hearing import Ear
from scrapr.storage.mongo import Document, transact

log = structlog.get_logger()
AT_ONCE = 100
"""Runs that are read at once; each is a transaction of its own."""


class Keeper:
    """Keeps every state up to date. Several replicas may: each step is a transaction, and empty when it is done."""

    def __init__(
        self, book: Book, registry: Registry, outbox: Outbox, patience: Patience, *, reconcile: float
    ) -> None:
        self._book = book
        self._registry = registry
        self._outbox = outbox
        self._patience = patience
        self._reconcile = reconcile
        self._news = Trigger()

    @property
    def ear(self) -> Ear:
        """For runs that were reduced."""
        return Ear(self._book.runs.name, NEWS, self._hear)

    async def _hear(self, _event: Document | None) -> None:
        self._news.pull()

    async def tell(self) -> None:
        """Bring every run into the state of its configuration, until cancelled."""
        while True:
            runs = await self._book.untold(AT_ONCE)
            for run in runs:
                await self._tell(run)
            if len(runs) < AT_ONCE:
                await self._news.wait(timeout=self._reconcile)

    async def learn(self, configuration: Configuration) -> None:
        """Note what config says of a configuration now; whether it is overdue is looked at with it."""
        facts, holder = settle.facts_of(configuration), configuration.container
        await self._change(
            configuration.id, lambda before: settle.learn(before, facts, self._patience, now(), holder)
        )

    async def _tell(self, run: ReducedRun) -> None:
        async def act(session: AsyncClientSession) -> tuple[Entry | None, Entry] | None:
            if not await self._book.take(run.run, session):
                return None
            told = [events.of_run(run, now())]
            if run.configuration is None:
                await self._announce(told, session)
                return None
            before = await self._book.read(run.configuration, session)
            after = settle.note(before, run, self._patience, now())
            await self._write(before, after, told, session)
            return before, after

        _report(await transact(self._book.database, act))

    async def _change(self, configuration: str, change: Callable[[Entry | None], Entry]) -> None:
        async def act(session: AsyncClientSession) -> tuple[Entry | None, Entry] | None:
            before = await self._book.read(configuration, session)
            after = change(before)
            if after == before:
                return None
            await self._write(before, after, [], session)
            return before, after

        _report(await transact(self._book.database, act))

    async def _write(
        self, before: Entry | None, after: Entry, told: Sequence[Event], session: AsyncClientSession
    ) -> None:
        await self._book.write(after, session)
        changed = events.of_state(None if before is None else before.state, after.state, now())
        await self._announce([*told, *changed], session)

    async def _announce(self, told: Sequence[Event], session: AsyncClientSession) -> None:
        if told:
            await self._outbox.put(told, await self._registry.hooks(session), session)


def _report(step: tuple[Entry | None, Entry] | None) -> None:
    """Log a change of state, once."""
    if step is None:
        return
    before, after = step[0], step[1].state
    if before is None or before.state.state == after.state:
        return
    metrics.STATE_CHANGES.labels(after.state).inc()
    tell = log.info if after.state in {"healthy", "new"} else log.warning
    tell(
        "state",
        configuration=after.configuration,
        collection=after.collection,
        before=before.state.state,
        state=after.state,
        reason=after.reason,
    )
