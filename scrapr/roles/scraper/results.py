"""Runs for inputs that somebody gives: one for all who ask for the same, its items kept for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from scrapr.model import inputs, times
from scrapr.model.batch import Batch
from scrapr.model.batch import Run as Ended
from scrapr.model.claim import Claim
from scrapr.model.configuration import Configuration
from scrapr.model.errors import TooMany, Unavailable
from scrapr.model.inputs import Values
from scrapr.model.item import JSON
from scrapr.model.result import Result
from scrapr.model.start import Started, UnderWay
from scrapr.roles.scraper import inputs as openings
from scrapr.roles.scraper import metrics
from scrapr.roles.scraper.inputs import Basket
from scrapr.roles.scraper.run import Run, Tools, make_id
from scrapr.roles.scraper.shelf import Shelf

log = structlog.get_logger()
BUSY = 5.0
"""Seconds after which to ask again when too many runs are under way."""


@dataclass(frozen=True)
class Wanted:
    """A configuration with `values` in their places; `digest` tells it from those with others."""

    claim: Claim
    values: Values
    digest: str

    @property
    def configuration(self) -> Configuration:
        return self.claim.configuration


@dataclass(frozen=True)
class Current:
    """A run at work."""

    identity: str
    task: asyncio.Task[Result]


class Collector:
    """Takes what a run sends in the datasource's place, and interrupts it when it is too much."""

    def __init__(self, most: int) -> None:
        self.basket = Basket(most)
        self.run: Run | None = None
        self.excuse = f"There are more than the {most} bytes of items that the settings allow a result"

    async def send(self, parcel: Batch | Ended) -> None:
        """Keep the items."""
        if isinstance(parcel, Batch):
            self.basket.add(parcel.data)
        if self.basket.is_full and self.run is not None:
            self.run.interrupt(self.excuse)

    async def announce(self, configuration: str, epoch: int, /) -> None:
        """Nothing is sent to where earlier holders send."""

    async def send_all(self, batches: Sequence[Batch]) -> None:
        """Keep the items of all."""
        for batch in batches:
            await self.send(batch)


class Results:
    """Makes results, and remembers them."""

    def __init__(self, tools: Tools, shelf: Shelf) -> None:
        # Pages that did not change still have to give their items: nothing else keeps those of a result.
        self._tools = replace(tools, settings=tools.settings.model_copy(update={"remembered": 0}))
        self._shelf = shelf
        self._settings = tools.settings
        self._current: dict[str, Current] = {}
        self._group: asyncio.TaskGroup | None = None

    async def work(self) -> None:
        """Hold the runs under way, until cancelled."""
        try:
            async with asyncio.TaskGroup() as self._group:
                await asyncio.Event().wait()
        finally:
            self._group = None

    async def start(self, claim: Claim, given: Mapping[str, JSON], wait: float) -> Started:
        """What is kept for these inputs if it is fresh, else what a run finds within `wait` seconds.

        Raises `Invalid` with every wrong input, and `TooMany`.
        """
        wanted = _read(claim, given)
        current = self._current.get(wanted.digest)
        if current is None:
            kept = await self._look(wanted)
            if kept is not None and kept.fresh_until > times.now():
                return _tell(kept)
            current = self._current.get(wanted.digest) or self._begin(wanted, kept)
        await asyncio.wait([current.task], timeout=wait)
        if not current.task.done():
            configuration = wanted.configuration
            return Started(
                under_way=(
                    UnderWay(
                        run=current.identity,
                        configuration=configuration.id,
                        collection=configuration.collection,
                    ),
                )
            )
        if current.task.cancelled():
            raise Unavailable("This scraper is stopping; another one will take over")
        return _tell(current.task.result())

    def _begin(self, wanted: Wanted, before: Result | None) -> Current:
        openings.check_selectors(wanted.configuration)
        if self._group is None:
            raise Unavailable("This scraper does not run anything now")
        if len(self._current) >= self._settings.input_runs:
            raise TooMany(
                f"{len(self._current)} runs with inputs are under way; allowed: {self._settings.input_runs}",
                retry_after=BUSY,
            )
        identity = make_id()
        task = self._group.create_task(self._make(wanted, identity, before), name=f"run {identity}")
        current = self._current[wanted.digest] = Current(identity, task)
        task.add_done_callback(lambda _: self._current.pop(wanted.digest))
        return current

    async def _make(self, wanted: Wanted, identity: str, before: Result | None) -> Result:
        collector, configuration = Collector(self._settings.input_bytes), wanted.configuration
        run = collector.run = Run(replace(self._tools, datasource=collector), wanted.claim, identity)
        ended = await run.make()
        if collector.basket.is_full:
            shown = len(collector.basket.items)
            ended = ended.model_copy(update={"outcome": "cut", "items": shown, "error": collector.excuse})
        result = openings.conclude(ended, collector.basket.items, wanted.values, configuration.ttl, before)
        _note(ended)
        try:
            await self._shelf.put(configuration.id, wanted.digest, result, ttl=configuration.ttl)
            await self._tools.store.add_run(ended)
        except Unavailable as error:
            log.warning("result not kept", run=identity, reason=error.detail)
        return result

    async def _look(self, wanted: Wanted) -> Result | None:
        try:
            return await self._shelf.get(wanted.configuration.id, wanted.digest)
        except Unavailable as error:
            log.warning("kept results are not known", reason=error.detail)
            return None


def _read(claim: Claim, given: Mapping[str, JSON]) -> Wanted:
    configuration = claim.configuration
    values = inputs.read(configuration.inputs or {}, given)
    filled = claim.model_copy(update={"configuration": openings.fill(configuration, values)})
    return Wanted(filled, values, f"{inputs.digest(values, configuration.revision)}-{configuration.id}")


def _tell(result: Result) -> Started:
    return Started(runs=(result.run,), results=(result,))


def _note(ended: Ended) -> None:
    metrics.RUNS.labels(ended.outcome).inc()
    log.info(
        "run with inputs",
        run=ended.run,
        configuration=ended.configuration,
        outcome=ended.outcome,
        pages=ended.pages,
        items=ended.items,
        error=ended.error,
    )
