"""The endpoint's surroundings: the real config and datasource, which can be stopped and started, and endpoints."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
from multidict import CIMultiDictProxy
from pydantic import SecretStr

import scrapr
from scrapr.client.config import ConfigClient
from scrapr.client.datasource import DatasourceClient
from scrapr.client.settings import ClientSettings
from scrapr.client.transport import Transport, at, open_session
from scrapr.discovery.directory import Directory
from scrapr.discovery.instance import Instance
from scrapr.discovery.redis import RedisRegistry
from scrapr.discovery.settings import DiscoverySettings
from scrapr.model.batch import Batch, Run
from scrapr.model.claim import ClaimRequest
from scrapr.model.times import now
from scrapr.roles.config import role as config_role
from scrapr.roles.config.settings import ConfigSettings
from scrapr.roles.datasource import role as datasource_role
from scrapr.roles.datasource.settings import DatasourceSettings
from scrapr.roles.endpoint import role as endpoint_role
from scrapr.roles.endpoint.settings import EndpointSettings
from scrapr.runtime.lifecycle import Lifecycle
from scrapr.runtime.loops import Loop
from scrapr.runtime.settings import DrainSettings
from scrapr.storage.mongo import Database
from scrapr.storage.redis import Redis
from scrapr.web.auth import Guard
from scrapr.web.role import Role
from scrapr.web.server import serving
from scrapr.web.settings import WebSettings

TOKEN = "of-the-tests"
WEB = WebSettings(token=SecretStr(TOKEN))
QUICK = DrainSettings(notice=0, grace=4, cancel=1, close=0.2)
CLIENT = ClientSettings(tries=1, timeout=10)
SHORT = ClientSettings(tries=1, timeout=5)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class Endpoint:
    """One endpoint that runs."""

    url: str
    http: aiohttp.ClientSession

    async def get(self, path: str, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.get(self.url + path, headers=named, allow_redirects=False) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def titles(self, collection: str) -> list[str] | None:
        answer = await self.get(f"/collections/{collection}/items")
        return [item["title"] for item in answer.json] if answer.status == 200 else None

    async def page(self, collection: str, query: str = "") -> Any:
        answer = await self.get(f"/v1/collections/{collection}/items{query}")
        assert answer.status == 200, answer.body
        return answer.json


@dataclass
class World:
    """Starts and stops roles by name; each keeps its port."""

    database: Database
    redis: Redis
    http: aiohttp.ClientSession
    group: asyncio.TaskGroup
    free_port: Callable[[], int]
    ports: dict[str, int] = field(default_factory=dict)
    reached: dict[str, str] = field(default_factory=dict)
    """Where endpoints reach a role, if not where it is."""
    web: WebSettings = WEB
    stops: dict[str, AsyncExitStack] = field(default_factory=dict)

    @property
    def config(self) -> ConfigClient:
        return ConfigClient(self._to("config"))

    @property
    def datasource(self) -> DatasourceClient:
        return DatasourceClient(self._to("datasource"))

    def _from_endpoints(self, name: str) -> Transport:
        return Transport(self.http, at(self.reached[name]), SHORT) if name in self.reached else self._to(name)

    def _to(self, name: str) -> Transport:
        return Transport(self.http, at(f"http://127.0.0.1:{self._port(name)}"), CLIENT)

    def _port(self, name: str) -> int:
        return self.ports.setdefault(name, self.free_port())

    async def start_config(self, **settings: Any) -> None:
        database = self.database.client.get_database(
            f"{self.database.name}_config",
            codec_options=self.database.codec_options,
            write_concern=self.database.write_concern,
            read_concern=self.database.read_concern,
        )
        built = await config_role.build(database=database, settings=ConfigSettings(**settings), token=TOKEN)
        await self._run("config", built)

    async def start_datasource(self, **settings: Any) -> None:
        built = await datasource_role.build(
            database=self.database, settings=DatasourceSettings(**settings), token=TOKEN
        )
        await self._run("datasource", built)

    async def start_endpoint(
        self, name: str = "endpoint", *, slots: int = 100, redis: Redis | None = None, **settings: Any
    ) -> Endpoint:
        redis = redis or self.redis
        discovery = DiscoverySettings(cache=0)
        directory = Directory(RedisRegistry(redis, discovery), discovery)
        built = await endpoint_role.build(
            redis=redis,
            config=ConfigClient(self._from_endpoints("config")),
            datasource=DatasourceClient(self._from_endpoints("datasource")),
            session=self.http,
            claim=ClaimRequest(container=name, type="endpoint", slots=slots),
            settings=EndpointSettings(**settings),
            directory=directory,
            guard=Guard(self.web),
        )
        url = await self._run(name, built, Loop("discovery", directory.announce))
        directory.enter(Instance(role="endpoint", container=name, url=url, version=scrapr.__version__))
        return Endpoint(url, self.http)

    async def _run(self, name: str, built: Role, *loops: Loop) -> str:
        lifecycle, stop = Lifecycle(QUICK), asyncio.Event()
        stack = self.stops[name] = AsyncExitStack()
        url = await stack.enter_async_context(
            serving(built, self.web, lifecycle, port=self._port(name), close=QUICK.close)
        )
        life = self.group.create_task(
            lifecycle.live((*built.loops, *loops), stop=stop, release=built.release)
        )

        async def end() -> None:
            stop.set()
            assert await life == 0

        stack.push_async_callback(end)
        return url

    async def stop(self, name: str) -> None:
        """Stop a role as a signal would."""
        await self.stops.pop(name).aclose()

    async def add(self, collection: str) -> None:
        """Post an endpoint configuration."""
        await self.config.add({"type": "endpoint", "collection": collection})

    async def declare(self, collection: str, **fields: Any) -> None:
        """Post a scraper configuration that nobody scrapes, with rules for its items' fields."""
        selector = {"title": "h3", **{name: f".{name}" for name in fields}}
        scraper = {"source": "http://127.0.0.1/", "selector": selector}
        await self.config.add(
            {"type": "scraper", "collection": collection, "scraper": scraper, "ttl": 3600, "fields": fields}
        )

    async def send(self, collection: str, *titles: str, **values: Any) -> None:
        """Post a batch of items with these titles."""
        items = [{"title": title, **values} for title in titles]
        await self.datasource.send(Batch(collection=collection, data=items, configuration="one"))

    async def scrape(self, collection: str, *titles: str) -> None:
        """Post a complete run that saw these titles alone; the other records are removed."""
        run = {"run": f"r{len(titles)}", "collection": collection, "configuration": "one"}
        items = [{"title": title} for title in titles]
        await self.datasource.send(Batch.model_validate({**run, "data": items}))
        times = {"started_at": now(), "finished_at": now()}
        end = {**run, **times, "outcome": "complete", "pages": 1, "items": len(items)}
        await self.datasource.send(Run.model_validate(end))


@asynccontextmanager
async def open_world(
    database: Database, redis: Redis, free_port: Callable[[], int], **given: Any
) -> AsyncIterator[World]:
    """A world without roles; `given` are further fields of it."""
    async with open_session(ClientSettings(timeout=10), TOKEN) as http, asyncio.TaskGroup() as group:
        world = World(database, redis, http, group, free_port, **given)
        try:
            yield world
        finally:
            for name in reversed(list(world.stops)):
                await world.stop(name)
            await database.client.drop_database(f"{database.name}_config")
