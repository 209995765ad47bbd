"""Collections as they were: asked of the datasource, mirrored like the present ones, and kept while there is room."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import datetime
from time import time

from scrapr.client.datasource import DatasourceClient
from scrapr.model import times
from scrapr.model.errors import FieldError, Invalid, NotFound, ScraprError, Unavailable
from scrapr.model.record import Records
from scrapr.roles.endpoint import row
from scrapr.roles.endpoint.mirror import Mirror
from scrapr.roles.endpoint.mirrored import Mirrored
from scrapr.roles.endpoint.query import Copy
from scrapr.roles.endpoint.recent import Recent
from scrapr.roles.endpoint.settings import EndpointSettings

WAITING = 16
"""Pasts that may wait to be loaded."""
AGAIN = 2
DAY = 86_400


class Past:
    """What a version was never changes, so a past that was loaded is right for as long as it is kept.

    One is loaded at a time, by `load`, and goes on when nobody waits any more: whoever asks again finds it.
    """

    def __init__(self, datasource: DatasourceClient, mirror: Mirror, settings: EndpointSettings) -> None:
        self._datasource = datasource
        self._mirror = mirror
        self._settings = settings
        self._kept: OrderedDict[tuple[str, int], Mirrored] = OrderedDict()
        self._wanted: asyncio.Queue[tuple[str, int | datetime]] = asyncio.Queue(WAITING)
        self._loads: dict[tuple[str, int | datetime], asyncio.Future[Mirrored]] = {}

    async def of(self, mirrored: Mirrored, at: int | datetime) -> Mirrored:
        """The collection as it was at a version or a time; itself where it is there.

        Raises what the datasource says to it, and `Unavailable` where loading takes too long.
        """
        latest = -1 if mirrored.copy is None else mirrored.copy.version
        if at == latest or (isinstance(at, datetime) and at > times.now()):
            return mirrored
        if isinstance(at, int) and at < latest and (kept := self._kept.get((mirrored.name, at))):
            self._kept.move_to_end((mirrored.name, at))
            if kept.live:
                return kept
        load = self._loads.get((mirrored.name, at)) or self._want(mirrored.name, at)
        try:
            async with asyncio.timeout(self._settings.query):
                past = await asyncio.shield(load)
        except TimeoutError as error:
            raise Unavailable("The collection as it was is being loaded", retry_after=AGAIN) from error
        mirrored.pasts.add(past)
        return past

    def _want(self, name: str, at: int | datetime) -> asyncio.Future[Mirrored]:
        try:
            self._wanted.put_nowait((name, at))
        except asyncio.QueueFull:
            raise Unavailable("Others are being loaded as they were", retry_after=AGAIN) from None
        load = self._loads[name, at] = asyncio.get_running_loop().create_future()
        # An error that nobody waits for any more has been told to whoever asked first.
        load.add_done_callback(lambda done: done.cancelled() or done.exception())
        return load

    async def load(self) -> None:
        """Load what is wanted, one after the other, until cancelled."""
        while True:
            name, at = await self._wanted.get()
            load = self._loads[name, at]
            try:
                load.set_result(await self._load(name, at))
            except ScraprError as error:
                load.set_exception(error)
            finally:
                del self._loads[name, at]

    async def _load(self, name: str, at: int | datetime) -> Mirrored:
        page = await self._read(name, at)
        key = (name, page.version)
        if key not in self._kept or not self._kept[key].live:
            fresh = await self._mirror_all(name, page)
            await self._let_go(self._kept.pop(key, None))
            self._kept[key] = fresh
            while len(self._kept) > self._settings.pasts:
                await self._let_go(self._kept.popitem(last=False)[1])
        self._kept.move_to_end(key)
        return self._kept[key]

    async def _read(self, name: str, at: int | datetime) -> Records:
        """The first page. Of a collection into which nothing was reduced yet, the datasource does not know."""
        try:
            return await self._datasource.records_at(name, at, limit=self._settings.page)
        except NotFound as error:
            if isinstance(at, datetime):
                return Records(collection=name, version=0, records=())
            told = f"version {at} is still to come"
            raise Invalid(FieldError(field="at", problem=told, allowed="version 0, or a time")) from error

    async def _let_go(self, past: Mirrored | None) -> None:
        if past is not None and past.copy is not None:
            await asyncio.to_thread(self._mirror.drop, past.copy.table)

    async def _mirror_all(self, name: str, page: Records) -> Mirrored:
        version, changed_at = page.version, None
        table = await asyncio.to_thread(self._mirror.stage)
        try:
            while True:
                await asyncio.to_thread(self._mirror.load, table, list(map(row.of, page.records)))
                newest = [each.changed_at for each in page.records]
                changed_at = max([*newest, *filter(None, [changed_at])], default=None)
                if page.next is None:
                    break
                page = await self._datasource.records_at(
                    name, version, after=page.next, limit=self._settings.page
                )
            copy = await asyncio.to_thread(self._mirror.settle, Copy(table, version, changed_at=changed_at))
        except BaseException:
            await asyncio.to_thread(self._mirror.drop, table)
            raise
        past = Mirrored(name, Recent(most=0, most_bytes=0))
        past.show(copy, confirmed_at=time())
        past.live, past.ttl = True, DAY
        return past
