"""Starts by hand: here for what is held here, passed on once for what another scraper holds."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from scrapr.client.config import ConfigClient
from scrapr.client.scraper import ScraperClient
from scrapr.client.transport import at
from scrapr.discovery.directory import Directory
from scrapr.model import inputs
from scrapr.model.collection import near
from scrapr.model.configuration import Configuration
from scrapr.model.errors import FieldError, Invalid, NotFound, ScraprError, Unavailable
from scrapr.model.item import JSON
from scrapr.model.start import Start, Started, UnderWay
from scrapr.roles.scraper.results import Results
from scrapr.roles.scraper.service import Service, Ticket


class Starts:
    """Finds whoever holds what shall run, and waits for the ends."""

    def __init__(
        self,
        service: Service,
        results: Results,
        config: ConfigClient,
        directory: Directory,
        *,
        container: str,
        deadline: float,
    ) -> None:
        self._service = service
        self._results = results
        self._config = config
        self._directory = directory
        self._container = container
        self._deadline = deadline

    async def start(self, start: Start, *, forwarded: bool) -> Started:
        """Run what `start` names. Raises `NotFound` where no scraper holds it, and `Invalid` for wrong inputs."""
        wait = self._deadline if start.wait is None else min(start.wait, self._deadline)
        if start.inputs is not None:
            return await self._start_with(start, start.inputs, wait, forwarded=forwarded)
        wanted = await self._find(start, forwarded=forwarded)
        held = {each.id for each in self._service.configurations}
        tickets = self._service.ask([each for each in wanted if each in held])
        elsewhere = [] if forwarded else [each for each in wanted if each not in held]
        try:
            async with asyncio.TaskGroup() as group:
                passed = [Start(configuration=each, wait=wait) for each in elsewhere]
                there = [group.create_task(self._pass_on(each)) for each in passed]
                here = await _gather(tickets, wait)
        except ExceptionGroup as group_of_errors:
            first = group_of_errors.exceptions[0]
            raise (first if isinstance(first, ScraprError) else group_of_errors) from None
        answers = [here, *(answer for task in there if (answer := task.result()) is not None)]
        if not tickets and len(answers) == 1 and (start.configuration or start.collection):
            raise self._unknown(start)
        return Started(
            runs=tuple(run for answer in answers for run in answer.runs),
            under_way=tuple(each for answer in answers for each in answer.under_way),
        )

    async def _find(self, start: Start, *, forwarded: bool) -> list[str]:
        """The configurations that `start` means. One that is meant alone is refused if it needs inputs."""
        if start.configuration is not None:
            claim = self._service.claim(start.configuration)
            inputs.read((claim and claim.configuration.inputs) or {}, {})
            return [start.configuration]
        held = self._service.configurations
        if start.collection is not None:
            held = tuple((await self._find_all(start.collection, forwarded=forwarded)).values())
        return [each.id for each in held if not inputs.required(each.inputs)]

    async def _find_all(self, collection: str, *, forwarded: bool) -> dict[str, Configuration]:
        """The scraper configurations of `collection`, by their ids."""
        found = {each.id: each for each in self._service.configurations if each.collection == collection}
        if not forwarded:
            try:
                known = self._config.configurations(of_type="scraper", collection=collection)
                found |= {each.id: each async for each in known if each.id not in found}
            except Unavailable:
                pass  # what is held here is then all that can be known
        return found

    async def _start_with(
        self, start: Start, given: Mapping[str, JSON], wait: float, *, forwarded: bool
    ) -> Started:
        """Run one configuration with inputs, wherever it is held."""
        if start.collection is not None:
            found = await self._find_all(start.collection, forwarded=forwarded)
            if not found:
                raise self._unknown(start)
            start = Start(configuration=_choose(found, given), inputs=start.inputs)
        claim = self._service.claim(start.configuration or "")
        if claim is not None:
            return await self._results.start(claim, given, wait)
        passed = None if forwarded else await self._pass_on(start.model_copy(update={"wait": wait}))
        if passed is None:
            raise self._unknown(start)
        return passed

    async def _pass_on(self, start: Start) -> Started | None:
        """What the scraper that holds the configuration of `start` answers; None where there is none."""
        for instance in await self._directory.instances("scraper"):
            if start.configuration in instance.serves and instance.container != self._container:
                client = ScraperClient(self._config.transport.toward(at(instance.url), name="The scraper"))
                try:
                    return await client.start(start, forwarded=True)
                except NotFound:
                    continue  # it held it when the directory was told
        return None

    def _unknown(self, start: Start) -> NotFound:
        held = self._service.configurations
        if start.collection is not None:
            meant = near(start.collection, {each.collection for each in held})
            what = f"a configuration of the collection {start.collection!r}"
        else:
            meant = near(start.configuration or "", [each.id for each in held])
            what = f"the configuration {start.configuration!r}"
        hint = f"; near names: {', '.join(meant)}" if meant else ""
        return NotFound(f"No scraper holds {what}{hint}")


def _choose(found: Mapping[str, Configuration], given: Mapping[str, JSON]) -> str:
    """The only configuration that takes the inputs; where several take some, the only one that takes those `given`."""
    taking = {identity: each.inputs for identity, each in found.items() if each.inputs}
    if len(taking) > 1:
        taking = {
            identity: declared
            for identity, declared in taking.items()
            if given.keys() <= declared.keys() and given.keys() >= set(inputs.required(declared))
        }
    elif not taking:
        inputs.read({}, given)
    if len(taking) != 1:
        problem = "fit not exactly one configuration of the collection"
        allowed = f"the inputs of one of them: {', '.join(found)}"
        raise Invalid(FieldError(field="inputs", problem=problem, allowed=allowed))
    return next(iter(taking))


async def _gather(tickets: Collection[Ticket], wait: float) -> Started:
    if tickets:
        await asyncio.wait([ticket.ended for ticket in tickets], timeout=wait)
    return Started(
        runs=tuple(ticket.ended.result() for ticket in tickets if ticket.ended.done()),
        under_way=tuple(
            UnderWay(
                run=ticket.run,
                configuration=ticket.configuration.id,
                collection=ticket.configuration.collection,
            )
            for ticket in tickets
            if not ticket.ended.done()
        ),
    )
