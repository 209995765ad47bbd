"""The role config with its loops and its HTTP server, upon a real MongoDB."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
import pytest
from pydantic import SecretStr

from scrapr.client.config import ConfigClient
from scrapr.client.settings import ClientSettings
from scrapr.client.transport import Transport, at, open_session
from scrapr.model.claim import ClaimRequest, Claims
from scrapr.roles.config import role
from scrapr.roles.config.settings import ConfigSettings
from scrapr.runtime.lifecycle import Lifecycle
from scrapr.runtime.settings import DrainSettings
from scrapr.storage.mongo import Database
from scrapr.web.server import serving
from scrapr.web.settings import WebSettings

TOKEN = "of-the-tests"


@dataclass(frozen=True)
class Config:
    """One running replica of config."""

    url: str
    client: ConfigClient
    http: aiohttp.ClientSession
    database: Database
    token: str

    async def claim(self, container: str, slots: int = 200, **parts: Any) -> Claims:
        request = {"container": container, "type": "scraper", "slots": slots, **parts}
        return await self.client.claim(ClaimRequest.model_validate(request))

    async def ask(self, method: str, path: str, **how: Any) -> tuple[int, Any]:
        async with self.http.request(method, self.url + path, **how) as answer:
            return answer.status, await answer.json(content_type=None) if answer.status != 204 else None

    async def expire(self, container: str) -> None:
        """Let the lease of everything that `container` holds be over."""
        past = [{"$set": {"expires_at": {"$subtract": ["$$NOW", 1]}}}]
        await self.database["configurations"].update_many({"container": container}, past)


class Starter(Protocol):
    """The type of the fixture `start`."""

    async def __call__(self, **settings: Any) -> Config: ...


def draft(number: int = 0, **parts: Any) -> dict[str, Any]:
    """A configuration fit to be posted; each number has a collection of its own."""
    scraper = {"source": f"http://127.0.0.1:1/{number}", "selector": [{"title": "h3", "item": "p"}]}
    return {"type": "scraper", "collection": f"c{number}", "scraper": scraper, **parts}


@pytest.fixture
def make_draft() -> Callable[..., dict[str, Any]]:
    """A function that makes a configuration fit to be posted: `make_draft(7, ttl=9)`."""
    return draft


@asynccontextmanager
async def running(database: Database, settings: ConfigSettings) -> AsyncIterator[Config]:
    token, lifecycle = SecretStr(TOKEN), Lifecycle(DrainSettings())
    built = await role.build(database=database, settings=settings, token=TOKEN)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(
            serving(built, WebSettings(token=token), lifecycle, port=0, close=1)
        )
        http = await stack.enter_async_context(open_session(ClientSettings(tries=1), TOKEN))
        client = ConfigClient(Transport(http, at(url), ClientSettings(tries=1)))
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(lifecycle.live(built.loops, stop=stop, release=built.release))
            try:
                yield Config(url, client, http, database, TOKEN)
            finally:
                stop.set()


@pytest.fixture
async def start(database: Database) -> AsyncIterator[Starter]:
    """A function that starts a replica of config on the test's database: `await start(lease=1)`."""
    async with AsyncExitStack() as stack:

        async def begin(**settings: Any) -> Config:
            return await stack.enter_async_context(running(database, ConfigSettings(**settings)))

        yield begin


@pytest.fixture
async def config(start: Starter) -> Config:
    """A running replica of config that never sweeps during a test."""
    return await start(sweep=3600)
