"""The overview: what config, the datasource and the fleet know, side by side, as far as they answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from scrapr.client.config import ConfigClient
from scrapr.client.datasource import DatasourceClient
from scrapr.model.batch import ReducedRun, Run
from scrapr.model.change import Change
from scrapr.model.collection import Collection
from scrapr.model.configuration import Configuration, Configurations
from scrapr.model.errors import NotFound, ScraprError
from scrapr.model.state import Condition, ConfigurationState, ConfigurationStates
from scrapr.model.times import Time, now
from scrapr.roles.orchestrator.http import Reporter
from scrapr.roles.orchestrator.report import PoolReport

T = TypeVar("T")
PATIENCE = 3.0
"""Seconds that a peer may take; what it would have told is missing then, and the page says so."""
CONFIGURATIONS = 200
COLLECTIONS = 500
RUNS = 20
CHANGES = 50


class StatedConfiguration(Configuration):
    """A configuration with its state; none where the datasource does not know it, or does not answer."""

    state: ConfigurationState | None = None


class Overview(BaseModel):
    """All at a glance. `parts` tells for each peer `ok`, or why what it knows is missing; `next` goes on after."""

    model_config = ConfigDict(frozen=True)

    at: Time
    parts: dict[str, str]
    configurations: tuple[StatedConfiguration, ...]
    next: str | None
    attention: tuple[ConfigurationState, ...]
    """Configurations that are broken, overdue or degraded, in this order."""
    collections: tuple[Collection, ...]
    """Those that changed last."""
    pools: tuple[PoolReport, ...]
    runs: tuple[ReducedRun | Run, ...]


class CollectionOverview(BaseModel):
    """One collection with its newest changes and runs, newest first."""

    model_config = ConfigDict(frozen=True)

    at: Time
    parts: dict[str, str]
    name: str
    collection: Collection | None
    configurations: tuple[StatedConfiguration, ...]
    changes: tuple[Change, ...]
    runs: tuple[ReducedRun | Run, ...]


class Lookout:
    """Asks the peers, all at once; one that hangs or fails costs what it would have told, and nothing else."""

    def __init__(self, reporter: Reporter, config: ConfigClient, datasource: DatasourceClient) -> None:
        self._reporter = reporter
        self._config = config
        self._datasource = datasource

    async def overview(self, after: str | None) -> Overview:
        """The page of configurations after `after`, and everything else."""
        parts: dict[str, str] = {}
        page, states, attention, collections, runs, pools = await asyncio.gather(
            _ask(parts, "config", self._page(after), Configurations(configurations=())),
            _ask(parts, "datasource", self._states(after), {}),
            _ask(parts, "datasource", self._attention(), ()),
            _ask(parts, "datasource", self._datasource.collections(), ()),
            _ask(parts, "datasource", self._datasource.runs(limit=RUNS), ()),
            self._reporter.report(),
        )
        parts["fleet"] = pools.fleet
        return Overview(
            at=now(),
            parts=parts,
            configurations=_stated(page.configurations, states),
            next=page.next,
            attention=attention,
            collections=_newest(collections),
            pools=pools.pools,
            runs=runs,
        )

    async def collection(self, name: str) -> CollectionOverview:
        """One collection. Raises `NotFound` where neither config nor the datasource knows it."""
        parts: dict[str, str] = {}
        configurations, states, collection, changes, runs = await asyncio.gather(
            _ask(parts, "config", self._feeding(name), ()),
            _ask(parts, "datasource", self._states_of(name), {}),
            _ask(parts, "datasource", self._one(name), None),
            _ask(parts, "datasource", self._changes(name), ()),
            _ask(parts, "datasource", self._datasource.runs(collection=name, limit=RUNS), ()),
        )
        if collection is None and not configurations and set(parts.values()) == {"ok"}:
            raise NotFound(f"There is no collection {name[:100]!r}")
        return CollectionOverview(
            at=now(),
            parts=parts,
            name=name,
            collection=collection,
            configurations=_stated(configurations, states),
            changes=changes,
            runs=runs,
        )

    async def _page(self, after: str | None) -> Configurations:
        return await self._config.page(after=after, limit=CONFIGURATIONS)

    async def _states(self, after: str | None) -> dict[str, ConfigurationState]:
        # Both are in the order of the configurations' ids, and each configuration has one state at most.
        return _by_configuration(await self._datasource.states_page(after=after, limit=CONFIGURATIONS))

    async def _states_of(self, collection: str) -> dict[str, ConfigurationState]:
        page = await self._datasource.states_page(collection=collection, limit=CONFIGURATIONS)
        return _by_configuration(page)

    async def _attention(self) -> tuple[ConfigurationState, ...]:
        bad: tuple[Condition, ...] = ("broken", "overdue", "degraded")
        pages = await asyncio.gather(*(self._datasource.states_page(state=each, limit=50) for each in bad))
        return tuple(state for page in pages for state in page.states)

    async def _feeding(self, collection: str) -> tuple[Configuration, ...]:
        return (await self._config.page(collection=collection, limit=CONFIGURATIONS)).configurations

    async def _one(self, name: str) -> Collection | None:
        return next((each for each in await self._datasource.collections() if each.name == name), None)

    async def _changes(self, name: str) -> tuple[Change, ...]:
        found = await self._one(name)
        if found is None:
            return ()
        since = max(0, found.version - CHANGES)
        told = await self._datasource.changes(name, since=since, limit=CHANGES)
        return tuple(reversed(told.changes))


async def _ask(parts: dict[str, str], peer: str, question: Awaitable[T], otherwise: Any) -> T:
    """The answer, or `otherwise`; `parts` learns whether `peer` answered all that it was asked."""
    parts.setdefault(peer, "ok")
    try:
        async with asyncio.timeout(PATIENCE):
            return await question
    except ScraprError as error:
        parts[peer] = error.detail
    except TimeoutError:
        parts[peer] = f"no answer within {PATIENCE:g} s"
    return otherwise  # type: ignore[no-any-return]  # an empty T


def _by_configuration(page: ConfigurationStates) -> dict[str, ConfigurationState]:
    return {state.configuration: state for state in page.states}


def _stated(
    configurations: tuple[Configuration, ...], states: dict[str, ConfigurationState]
) -> tuple[StatedConfiguration, ...]:
    return tuple(
        StatedConfiguration.model_validate({**each.model_dump(), "state": states.get(each.id)})
        for each in configurations
    )


def _newest(collections: tuple[Collection, ...]) -> tuple[Collection, ...]:
    def changed(collection: Collection) -> datetime:
        return collection.updated_at or datetime.min.replace(tzinfo=now().tzinfo)

    return tuple(sorted(collections, key=changed, reverse=True)[:COLLECTIONS])
