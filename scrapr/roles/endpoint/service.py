"""The endpoint's service: it serves the collections that are claimed, and follows each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import count
from typing import Any

import structlog

from scrapr.client.config import ConfigClient
from scrapr.client.datasource import DatasourceClient
from scrapr.client.feed import Feed
from scrapr.client.holder import FAREWELL, PATIENCE, Holder
from scrapr.client.transport import as_kind
from scrapr.discovery.directory import Directory
from scrapr.model.change import Changes
from scrapr.model.claim import ClaimRequest
from scrapr.model.configuration import Configuration
from scrapr.model.errors import Damaged, Refused, Unavailable
from scrapr.roles.endpoint import metrics
from scrapr.roles.endpoint.audience import Audience
from scrapr.roles.endpoint.follower import Follower, Tools, Word
from scrapr.roles.endpoint.keep import Keeper
from scrapr.roles.endpoint.loading import Loader
from scrapr.roles.endpoint.mirror import Mirror
from scrapr.roles.endpoint.mirrored import Mirrored
from scrapr.roles.endpoint.recent import Recent
from scrapr.roles.endpoint.settings import EndpointSettings
from scrapr.roles.endpoint.store import Store

log = structlog.get_logger()
QUESTIONS = 8
"""Unknown names about which config is asked at once; a flood of them must not become its flood."""
JOINS = 16
"""Rooms that are joined at once: after a new connection all want to, and more would only wait in the datasource."""


class Service:
    """`collections` holds what is served here, by name; `places` the requests' targets whose answer may be ready."""

    def __init__(
        self,
        *,
        config: ConfigClient,
        datasource: DatasourceClient,
        store: Store,
        mirror: Mirror,
        claim: ClaimRequest,
        settings: EndpointSettings,
        directory: Directory,
        audience: Audience,
        token: str,
    ) -> None:
        self.collections: dict[str, Mirrored] = {}
        self.places: dict[str, Mirrored] = {}
        self.datasource = datasource
        self._config = config
        self._store = store
        self._settings = settings
        self._directory = directory
        self._audience = audience
        self._container = claim.container
        self._holder = Holder(config, store, claim, token=token)
        self._keeper = Keeper(store, mirror, self.collections, check=settings.check)
        self._tools = Tools(
            datasource=datasource,
            mirror=mirror,
            loader=Loader(datasource, store, mirror, page=settings.page, at_once=settings.loads),
            keeper=self._keeper,
            settings=settings,
            ask=self._ask,
            link=lambda: self._link,
            tell=audience.tell,
            count=self.collections.__len__,
        )
        self._feed = Feed(
            datasource.transport.locate, token=token, connected=self._meet, told=self._hear, lost=self._part
        )
        self._link: int | None = None
        self._links = count(1)
        self._kept: tuple[Configuration, ...] = ()
        self._arrived = asyncio.Event()
        self._questions = asyncio.Semaphore(QUESTIONS)
        self._joins = asyncio.Semaphore(JOINS)

    @property
    def configurations(self) -> tuple[Configuration, ...]:
        """What is claimed; before the first claim what was claimed when this container last ran."""
        if not self._holder.claimed:
            return self._kept
        return tuple(claim.configuration for claim in self._holder.claims.values())

    async def hold(self) -> None:
        """Keep the claims, until cancelled."""
        await self._holder.hold()

    async def listen_to_config(self) -> None:
        """Hear of new configurations, until cancelled."""
        await self._holder.listen()

    async def listen_to_datasource(self) -> None:
        """Hear of changes, until cancelled."""
        await self._feed.run()

    async def keep(self) -> None:
        """Keep the last good copies in Redis, until cancelled."""
        await self._keeper.keep()

    async def follow(self) -> None:
        """Follow each claimed collection and forget those that are no longer, until cancelled."""
        await self._recall_claims()
        async with asyncio.TaskGroup() as group:
            tasks: dict[str, asyncio.Task[None]] = {}
            while True:
                wanted = {each.collection: each.ttl for each in self.configurations}
                for name in tasks.keys() - wanted.keys():
                    await self._leave(name, tasks.pop(name))
                for name in wanted.keys() - tasks.keys():
                    self.collections[name] = mirrored = self._make(name)
                    tasks[name] = group.create_task(Follower(mirrored, self._tools).run(), name=name)
                for name, ttl in wanted.items():
                    self.collections[name].expect(ttl)
                self._tell()
                await self._holder.changed.wait(timeout=self._settings.check)

    async def release(self) -> None:
        """Send the listeners elsewhere, give back the claims, and leave in Redis what is known."""
        self._audience.close()
        await asyncio.gather(self._holder.release(), self._flush())

    async def _flush(self) -> None:
        try:
            async with asyncio.timeout(FAREWELL):
                await self._keeper.flush()
        except (Unavailable, TimeoutError) as error:
            log.warning("copies not kept", reason=str(error) or type(error).__name__)

    async def check(self) -> None:
        """Return once there is something to serve, or it is known that there is nothing; else raise `Unavailable`."""
        if not self._holder.claimed and not self._kept:
            raise Unavailable("Nothing was claimed yet: config does not answer")

    async def arrival(self, name: str) -> Mirrored | None:
        """The collection `name` if it has an endpoint configuration that is only about to be claimed.

        Raises `Unavailable` if it has one and nobody claims it in time, and if config does not say or cannot be asked.
        """
        if self._questions.locked():
            raise Unavailable(
                f"Whether there is a collection {name!r} cannot be known: too many ask that now"
            )
        async with self._questions:
            known = False
            try:
                async with asyncio.timeout(self._settings.wait):
                    known = await self._is_configured(name)
                    while known and name not in self.collections:
                        await self._arrived.wait()
            except (TimeoutError, Unavailable) as error:
                told = f"No endpoint serves the collection {name!r} yet"
                if not known:
                    told = f"Whether there is a collection {name!r} cannot be known: config does not answer"
                raise Unavailable(told) from error
            except Refused as error:
                log.debug("not asked for", collection=name, reason=error.detail)
        return self.collections.get(name)

    async def _is_configured(self, name: str) -> bool:
        async for _ in self._config.configurations(of_type="endpoint", collection=name):
            return True
        return False

    async def _recall_claims(self) -> None:
        """What this container served last is served at once, config's word comes when it comes."""
        try:
            async with asyncio.timeout(PATIENCE):
                kept = await self._store.load_claims(self._container)
        except (Unavailable, TimeoutError) as error:
            log.warning("no claims recalled", reason=str(error) or type(error).__name__)
            return
        self._kept = tuple(claim.configuration for claim in kept.claims) if kept else ()

    def _make(self, name: str) -> Mirrored:
        recent = Recent(most=self._settings.push_keep, most_bytes=self._settings.push_keep_bytes)
        return Mirrored(name, recent)

    async def _leave(self, name: str, task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.wait([task])
        mirrored = self.collections.pop(name)
        self._audience.leave(mirrored)
        if mirrored.copy is not None:
            await asyncio.to_thread(self._tools.mirror.drop, mirrored.copy.table)

    def _tell(self) -> None:
        """Tell whoever wants to know what is served here; where `/items` leads depends on how many there are."""
        self.places.clear()
        self._directory.serve(self.collections)
        metrics.COLLECTIONS.set(len(self.collections))
        metrics.LOST.set(sum(not mirrored.live for mirrored in self.collections.values()))
        self._arrived.set()
        self._arrived = asyncio.Event()

    async def _ask(self, collection: str, since: int) -> Word | None:
        async with self._joins:
            if (link := self._link) is None:
                return None
            reply: Mapping[str, Any] = await self._feed.join({"collection": collection, "since": since})
        if type(version := reply.get("version")) is not int:
            raise Damaged("The datasource's feed answers without a version")
        return Word(version, link)

    async def _meet(self) -> None:
        self._link = next(self._links)
        for mirrored in self.collections.values():
            mirrored.news.pull()

    def _part(self) -> None:
        self._link = None
        for mirrored in self.collections.values():
            mirrored.lose(known_until_now=True)
            mirrored.news.pull()

    async def _hear(self, event: str, payload: Any) -> None:
        try:
            changes = as_kind(Changes, payload)
        except Damaged as error:
            log.warning("push not readable", event_name=event, reason=error.detail[:200])
            return
        if (mirrored := self.collections.get(changes.collection)) is not None:
            mirrored.mail.append(changes)
            mirrored.news.pull()
