"""The datasource with its loops and its HTTP server, upon a real MongoDB."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp
import pytest
from pydantic import SecretStr

from scrapr.client.config import ConfigClient
from scrapr.client.datasource import DatasourceClient
from scrapr.client.feed import Feed
from scrapr.client.settings import ClientSettings
from scrapr.client.transport import Transport, at, open_session
from scrapr.model.batch import Batch, Receipt, Run
from scrapr.model.change import Change
from scrapr.roles.datasource import role
from scrapr.roles.datasource.hooks.settings import WebhookSettings
from scrapr.roles.datasource.settings import DatasourceSettings
from scrapr.runtime.lifecycle import Lifecycle
from scrapr.runtime.loops import persist
from scrapr.runtime.settings import DrainSettings
from scrapr.storage.mongo import Database
from scrapr.web.role import Role
from scrapr.web.server import serving
from scrapr.web.settings import WebSettings
from tests.endings import end

TOKEN = "of-the-tests"
MOMENT = "2026-01-02T03:04:05.678Z"


@dataclass
class Datasource:
    """One replica of the datasource."""

    url: str
    client: DatasourceClient
    http: aiohttp.ClientSession
    database: Database
    role: Role
    _group: asyncio.TaskGroup
    _loops: list[asyncio.Task[None]] = field(default_factory=list)

    def wake(self) -> None:
        """Start the loops."""
        self._loops = [self._group.create_task(persist(loop)) for loop in self.role.loops]

    async def kill(self) -> None:
        """End the loops wherever they are."""
        with warnings.catch_warnings():
            # PyMongo drops a socket that it was just opening, and Python tells so when it is collected.
            warnings.filterwarnings("ignore", "unclosed <socket", ResourceWarning)
            # Again and again: until Python 3.12 `asyncio.wait_for`, with which PyMongo sends, may lose a cancellation.
            while waiting := {loop for loop in self._loops if not loop.done()}:
                for loop in waiting:
                    loop.cancel()
                await asyncio.wait(waiting, timeout=0.2)
            self._loops.clear()
            gc.collect()

    async def ask(self, method: str, path: str, **how: Any) -> tuple[int, Any]:
        async with self.http.request(method, self.url + path, **how) as answer:
            return answer.status, await answer.json(content_type=None)

    async def send(self, collection: str, *items: Any, **parts: Any) -> Receipt:
        """Post one batch."""
        return await self.client.send(Batch(collection=collection, data=list(items), **parts))

    async def end(self, collection: str, run: str, *, pages: int, items: int, **parts: Any) -> Receipt:
        """Post the end of a run."""
        told = {"outcome": "complete", "started_at": MOMENT, "finished_at": MOMENT, **parts}
        return await self.client.send(
            Run.model_validate({"collection": collection, "run": run, "pages": pages, "items": items, **told})
        )

    async def reduced(self) -> bool:
        """Whether nothing waits in the inbox."""
        return await self.database["inbox"].count_documents({"waiting": {"$exists": True}}) == 0

    async def values(self, collection: str) -> dict[str, Any]:
        """The records' values by their keys, in the order of their creation."""
        page = await self.client.records(collection, limit=10_000)
        return {record.key: record.values for record in page.records}

    async def changes(self, collection: str) -> list[Change]:
        """All changes of a collection; their versions are checked to be 1, 2, 3 …"""
        changes = (await self.client.changes(collection, since=0, limit=10_000)).changes
        assert [change.version for change in changes] == list(range(1, len(changes) + 1))
        return list(changes)


YEAR = 31_536_000


class Starter(Protocol):
    """The type of the fixture `start`."""

    async def __call__(self, *, awake: bool = True, **settings: Any) -> Datasource: ...


@pytest.fixture(name="running")
def running_fixture() -> Any:
    """A function that runs a replica on any database: `async with running(database, settings) as replica`."""
    return running


@asynccontextmanager
async def running(
    database: Database,
    settings: DatasourceSettings,
    *,
    config: ConfigClient | None = None,
    webhooks: WebhookSettings | None = None,
) -> AsyncIterator[Datasource]:
    token, lifecycle = SecretStr(TOKEN), Lifecycle(DrainSettings())
    # Runs of the tests are of a day long ago, and MongoDB looks once a minute for what is too old.
    settings = settings.model_copy(update={"run_retention": 50 * YEAR})
    built = await role.build(
        database=database, settings=settings, token=TOKEN, config=config, webhooks=webhooks
    )
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(
            serving(built, WebSettings(token=token), lifecycle, port=0, close=1)
        )
        patient = ClientSettings(tries=1, timeout=60)
        http = await stack.enter_async_context(open_session(patient, TOKEN))
        client = DatasourceClient(Transport(http, at(url), patient))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        replica = Datasource(url, client, http, database, built, group)
        try:
            yield replica
        finally:
            await replica.kill()


@pytest.fixture
async def start(database: Database) -> AsyncIterator[Starter]:
    """A function that starts a replica on the test's database: `await start(gather_items=10)`."""
    async with AsyncExitStack() as stack:

        async def begin(*, awake: bool = True, **settings: Any) -> Datasource:
            replica = await stack.enter_async_context(running(database, DatasourceSettings(**settings)))
            if awake:
                replica.wake()
            return replica

        yield begin


@pytest.fixture
async def datasource(start: Starter) -> Datasource:
    """A running replica that never reconciles by its timer during a test."""
    return await start(reconcile=3600)


class Listener:
    """A client in a collection's room, with all that it was told."""

    def __init__(self, datasource: Datasource, collection: str) -> None:
        self._wish = {"collection": collection, "since": 0}
        self.reply: dict[str, Any] = {}
        self.told: list[tuple[str, Any]] = []
        self._feed = Feed(at(datasource.url), token=TOKEN, connected=self._join, told=self._hear)

    async def run(self) -> None:
        await self._feed.run()

    async def _join(self) -> None:
        self.reply = await self._feed.join(self._wish)

    async def _hear(self, event: str, payload: Any) -> None:
        self.told.append((event, payload))

    async def joined(self) -> bool:
        return bool(self.reply)


@pytest.fixture
async def listen() -> AsyncIterator[Any]:
    """A function that joins a collection's room: `listener = listen(datasource, "restaurants")`."""
    async with asyncio.TaskGroup() as group:
        tasks: list[asyncio.Task[None]] = []

        def begin(datasource: Datasource, collection: str) -> Listener:
            listener = Listener(datasource, collection)
            tasks.append(group.create_task(listener.run()))
            return listener

        yield begin
        await end(*tasks)
