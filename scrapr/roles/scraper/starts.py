"""Starts by hand: here for what is held here, passed on once for what another scraper holds."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from scrapr.client.config import ConfigClient
from scrapr.client.scraper import ScraperClient
from scrapr.client.transport import at
from scrapr.discovery.directory import Directory
from scrapr.model.collection import near
from scrapr.model.errors import NotFound, Unavailable
from scrapr.model.start import Start, Started, UnderWay
from scrapr.roles.scraper.service import Service, Ticket


class Starts:
    """Finds whoever holds what shall run, and waits for the ends."""

    def __init__(
        self, service: Service, config: ConfigClient, directory: Directory, *, container: str, deadline: float
    ) -> None:
        self._service = service
        self._config = config
        self._directory = directory
        self._container = container
        self._deadline = deadline

    async def start(self, start: Start, *, forwarded: bool) -> Started:
        """Run what `start` names. Raises `NotFound` where no scraper holds it."""
        wait = self._deadline if start.wait is None else min(start.wait, self._deadline)
        wanted = await self._find(start, forwarded=forwarded)
        held = {each.id for each in self._service.configurations}
        tickets = self._service.ask([each for each in wanted if each in held])
        elsewhere = [] if forwarded else [each for each in wanted if each not in held]
        async with asyncio.TaskGroup() as group:
            there = [group.create_task(self._pass_on(each, wait)) for each in elsewhere]
            here = await _gather(tickets, wait)
        answers = [here, *(answer for task in there if (answer := task.result()) is not None)]
        if not tickets and len(answers) == 1 and (start.configuration or start.collection):
            raise self._unknown(start)
        return Started(
            runs=tuple(run for answer in answers for run in answer.runs),
            under_way=tuple(each for answer in answers for each in answer.under_way),
        )

    async def _find(self, start: Start, *, forwarded: bool) -> list[str]:
        """The configurations that `start` means."""
        if start.configuration is not None:
            return [start.configuration]
        held = self._service.configurations
        if start.collection is None:
            return [each.id for each in held]
        found = {each.id: None for each in held if each.collection == start.collection}
        if not forwarded:
            try:
                known = self._config.configurations(of_type="scraper", collection=start.collection)
                found |= {each.id: None async for each in known}
            except Unavailable:
                pass  # what is held here is then all that can be known
        return list(found)

    async def _pass_on(self, configuration: str, wait: float) -> Started | None:
        """What the scraper that holds `configuration` answers; None where there is none."""
        for instance in await self._directory.instances("scraper"):
            if configuration in instance.serves and instance.container != self._container:
                client = ScraperClient(self._config.transport.toward(at(instance.url)))
                try:
                    return await client.start(Start(configuration=configuration, wait=wait), forwarded=True)
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
