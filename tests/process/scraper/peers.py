"""The scraper's surroundings as real servers on loopback: a site, and small peers that speak for config and datasource.

The peers are served by the product's own HTTP server and push; what they decide is the test's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b
from ipaddress import IPv4Network
from typing import Any

import aiohttp
from aiohttp import web
from pydantic import SecretStr

from scrapr.client.config import ConfigClient
from scrapr.client.datasource import DatasourceClient
from scrapr.client.settings import ClientSettings
from scrapr.client.transport import Transport, at, open_session
from scrapr.discovery.directory import Directory
from scrapr.discovery.instance import Instance
from scrapr.discovery.redis import RedisRegistry
from scrapr.discovery.settings import DiscoverySettings
from scrapr.fetching.client import Client
from scrapr.fetching.settings import FetchSettings
from scrapr.model import times
from scrapr.model.batch import Batch, Epoch, Receipt, Receipts, Run
from scrapr.model.claim import Claim, ClaimRequest, Claims
from scrapr.model.configuration import Configuration, Configurations, Scraper
from scrapr.model.errors import Conflict, ScraprError, StaleEpoch, TooLarge
from scrapr.roles.config.selecting import Selection
from scrapr.roles.scraper import role as scraper_role
from scrapr.roles.scraper.hosts import share
from scrapr.roles.scraper.settings import ScraperSettings
from scrapr.runtime.lifecycle import Lifecycle
from scrapr.runtime.loops import Loop, persist
from scrapr.runtime.settings import DrainSettings
from scrapr.storage.redis import Redis
from scrapr.web.call import Call
from scrapr.web.push import Push
from scrapr.web.role import Role
from scrapr.web.routes import Route
from scrapr.web.server import serving
from scrapr.web.settings import WebSettings
from tests.endings import end

QUICK = DrainSettings(notice=0, grace=4, cancel=1, close=0.2)
POLITE_ENOUGH = FetchSettings(
    allow=(IPv4Network("127.0.0.0/8"),), pace=0, adaptive=False, retries=0, timeout=5, backoff_first=0.01
)


def render(titles: Sequence[str], next_page: str | None = None) -> web.Response:
    """A page with one `li` per title and a next link."""
    items = "".join(f"<li class=thing><h3>{title}</h3><p>about {title}</p></li>" for title in titles)
    link = f'<a class=next href="{next_page}">next</a>' if next_page else ""
    return web.Response(text=f"<html><body><ul>{items}</ul>{link}</body></html>", content_type="text/html")


Page = Callable[[], Awaitable[web.StreamResponse]]


class Site:
    """A web site; `pages` may be changed at any time, `visits` tells what was asked for."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.visits: list[str] = []
        self.agents: set[str] = set()
        self.tags = False
        """Whether answers carry an ETag, and are 304 for whoever has the same."""
        self.url = ""

    def show(self, path: str, titles: Sequence[str], next_page: str | None = None) -> None:
        """Put a page with `titles` at `path`."""

        async def page() -> web.StreamResponse:
            return render(titles, next_page)

        self.pages[path] = page

    def fail(self, path: str, status: int) -> None:
        """Answer with `status` at `path`."""

        async def page() -> web.StreamResponse:
            return web.Response(status=status)

        self.pages[path] = page

    def block(self, path: str, gate: asyncio.Event, titles: Sequence[str] = ("late",)) -> None:
        """Answer at `path` when the gate opens."""

        async def page() -> web.StreamResponse:
            await gate.wait()
            return render(titles)

        self.pages[path] = page

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/robots.txt":
            raise web.HTTPNotFound
        self.visits.append(request.path_qs)
        self.agents.add(request.headers["User-Agent"])
        page = self.pages.get(request.path_qs)
        if page is None:
            raise web.HTTPNotFound
        response = await page()
        if self.tags and isinstance(response, web.Response) and isinstance(response.body, bytes):
            tag = response.etag = blake2b(response.body, digest_size=8).hexdigest()
            if request.if_none_match and request.if_none_match[0].value == tag:
                raise web.HTTPNotModified
        return response

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_get("/{path:.*}", self.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield
        finally:
            await runner.cleanup()


class PeerServer:
    """A peer that can go away and come back at the same URL."""

    name = "peer"

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._stack: AsyncExitStack | None = None

    def role(self) -> Role:
        raise NotImplementedError

    async def come(self) -> None:
        self._stack = AsyncExitStack()
        context = serving(self.role(), WebSettings(), Lifecycle(QUICK), port=self.port, close=0.1)
        await self._stack.enter_async_context(context)

    async def go(self) -> None:
        if self._stack is not None:
            await self._stack.aclose()
            self._stack = None


class DatasourcePeer(PeerServer):
    """Takes batches and ends of runs and keeps them; refuses epochs under `least_epoch`."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.batches: dict[tuple[str, int], Batch] = {}
        self.ends: list[Run] = []
        self.arrivals: list[float] = []
        self.companies: list[int] = []
        """How many batches came together, where it was more than one."""
        self.least_epoch = 0
        self.announced: list[tuple[str, int]] = []
        """Configurations and their epochs, as they were told."""
        self.most_items = 1_000_000
        self.refusal: ScraprError | None = None
        self.lacks: set[str] = set()
        """Runs whose items are gone: the end of one that counts on their pages is refused."""
        self.gate = asyncio.Event()
        self.gate.set()

    def role(self) -> Role:
        routes = (
            Route("POST", "/items", self._take, "Take batches", body=Batch, answer=Receipt),
            Route("PUT", "/epochs/{configuration}", self._hear, "Hear of a claim", body=Epoch, status=204),
        )
        return Role(name="datasource", home="/collections", routes=routes)

    async def _hear(self, call: Call) -> None:
        epoch = (await call.body(Epoch)).epoch
        self.announced.append((call.place("configuration"), epoch))
        await self.gate.wait()
        self._check(epoch)

    async def _take(self, call: Call) -> Receipt | Receipts:
        value = await call.json()
        self.arrivals.append(asyncio.get_running_loop().time())
        await self.gate.wait()
        if self.refusal is not None:
            raise self.refusal
        if isinstance(value, list):
            batches = [self._read(each) for each in value]
            self.companies.append(len(batches))
            return Receipts(receipts=tuple(map(self._keep, batches)))
        if "finished" in value:
            run = Run.model_validate(value)
            self._check(run.epoch)
            if self.lacks & run.unchanged.keys():
                raise Conflict("The items are gone")
            self.ends.append(run)
            return Receipt(accepted=0, run=run.run)
        return self._keep(self._read(value))

    def _read(self, value: Any) -> Batch:
        batch = Batch.model_validate(value)
        self._check(batch.epoch)
        if len(batch.data) > self.most_items:
            raise TooLarge(f"{len(batch.data)} items")
        return batch

    def _keep(self, batch: Batch) -> Receipt:
        assert batch.run is not None
        duplicate = (batch.run, batch.page) in self.batches
        self.batches.setdefault((batch.run, batch.page), batch)
        return Receipt(accepted=len(batch.data), duplicate=duplicate, run=batch.run)

    def _check(self, epoch: int | None) -> None:
        if (epoch or 0) < self.least_epoch:
            raise StaleEpoch(f"epoch {epoch} has passed")

    def titles(self) -> list[Any]:
        """The titles of all batches, in the order of runs and pages."""
        return [item.get("title") for key in sorted(self.batches) for item in self.batches[key].data]


class ConfigPeer(PeerServer):
    """Gives every configuration in `configurations` to whoever asks, and hints at each change."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.configurations: dict[str, Configuration] = {}
        self.owner: str | None = None
        """The only container that gets something; none: everybody."""
        self.epoch = 1
        self.claims = 0
        self.fresh: list[bool] = []
        """Of each claim, whether it was a fresh one."""
        self.released: list[str] = []
        self.joined = 0
        self._push: Push | None = None

    def role(self) -> Role:
        self._push = Push(room_of=lambda _: "all", admit=self._admit, token="")
        routes = (
            Route("POST", "/claims", self._claim, "Claim", body=ClaimRequest, answer=Claims),
            Route("DELETE", "/claims/{container}", self._release, "Release"),
            Route("GET", "/configurations", self._list, "List", query=Selection, answer=Configurations),
        )
        return Role(name="config", home="/configurations", routes=routes, push=self._push)

    async def put(self, configuration: Configuration) -> None:
        """Add or change a configuration, and hint at it."""
        self.configurations[configuration.id] = configuration
        await self.hint()

    async def remove(self, identity: str) -> None:
        """Delete a configuration, and hint at it."""
        del self.configurations[identity]
        await self.hint()

    async def hint(self) -> None:
        """Tell everybody that something is new."""
        if self._push is not None:
            await self._push.emit("all", "configuration", {})

    async def _admit(self, _wish: Any) -> dict[str, Any]:
        self.joined += 1
        return {}

    async def _claim(self, call: Call) -> Claims:
        request = await call.body(ClaimRequest)
        self.claims += 1
        self.fresh.append(request.fresh)
        expires = times.now() + timedelta(seconds=60)
        claims = tuple(
            Claim(configuration=each, epoch=self.epoch, expires_at=expires)
            for each in self.configurations.values()
            if self.owner in {None, request.container}
        )
        return Claims(container=request.container, lease=60, claims=claims)

    async def _release(self, call: Call) -> None:
        self.released.append(call.place("container"))

    async def _list(self, call: Call) -> Configurations:
        collection = call.query(Selection).collection
        found = (each for each in self.configurations.values() if each.collection == collection)
        return Configurations(configurations=tuple(found))


@dataclass
class World:
    """Everything around a scraper, and a way to start one."""

    redis: Redis
    site: Site
    config: ConfigPeer
    datasource: DatasourcePeer
    session: aiohttp.ClientSession
    settings: ScraperSettings = field(
        default_factory=lambda: ScraperSettings(jitter=0, finish=0.3, hand_over=0.5, ahead=0)
    )
    """Without looking ahead, which visits are made is certain."""
    fetch: FetchSettings = POLITE_ENOUGH

    def configuration(self, identity: str = "c1", **changes: Any) -> Configuration:
        """A configuration of the site's things."""
        values: dict[str, Any] = {
            "id": identity,
            "type": "scraper",
            "collection": "things",
            "scraper": Scraper(
                source=f"{self.site.url}/1",
                scope="li.thing",
                selector=[{"title": "h3", "text": "p"}],
                paginate="a.next@href",
            ),
            "ttl": 3600,
            "created_at": times.now(),
            "updated_at": times.now(),
        }
        return Configuration.model_validate(values | changes)

    @asynccontextmanager
    async def scraper(
        self, container: str = "scraper-1", *, token: str = "", killed: bool = False
    ) -> AsyncIterator[str]:
        """A scraper's URL; at the end it is asked to stop, or `killed` without a word."""
        settings = DiscoverySettings(cache=0)
        directory = Directory(RedisRegistry(self.redis, settings), settings)
        transport = Transport(self.session, at(self.config.url), ClientSettings())
        hosts = share(self.redis, self.settings, container)
        async with Client(self.fetch, hosts) as fetcher:
            role = await scraper_role.build(
                redis=self.redis,
                config=ConfigClient(transport),
                datasource=DatasourceClient(transport.toward(at(self.datasource.url))),
                fetcher=fetcher,
                claim=ClaimRequest(container=container, type="scraper", slots=100),
                settings=self.settings,
                directory=directory,
                token=token,
                hosts=hosts,
            )
            async with living(role, directory, container, token=token, killed=killed) as url:
                yield url

    async def get(self, url: str, **query: Any) -> Any:
        """What `url` answers to GET."""
        async with self.session.get(url, params=query) as answer:
            return await answer.json(content_type=None)


@asynccontextmanager
async def living(
    role: Role, directory: Directory, container: str, *, token: str = "", killed: bool
) -> AsyncIterator[str]:
    """A role at work; its URL."""
    lifecycle, stop = Lifecycle(QUICK), asyncio.Event()
    async with (
        serving(role, WebSettings(token=SecretStr(token)), lifecycle, port=0, close=0.2) as url,
        asyncio.TaskGroup() as group,
    ):
        directory.enter(Instance(role=role.name, container=container, url=url, version="test"))
        loops = (Loop("discovery", directory.announce), *role.loops)
        if not killed:
            life = group.create_task(lifecycle.live(loops, stop=stop, release=role.release))
            try:
                yield url
            finally:
                stop.set()
                await life
            return
        tasks = [group.create_task(persist(loop)) for loop in loops]
        yield url
        await end(*tasks)


@asynccontextmanager
async def open_world(redis: Redis, free_port: Callable[[], int]) -> AsyncIterator[World]:
    """A world with everything present and an empty site."""
    site, config, datasource = Site(), ConfigPeer(free_port()), DatasourcePeer(free_port())
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(site.serving())
        for peer in (config, datasource):
            await peer.come()
            stack.push_async_callback(peer.go)
        session = await stack.enter_async_context(open_session(ClientSettings(timeout=15), ""))
        yield World(redis, site, config, datasource, session)
