"""What every row works with: a running product, its MongoDB, and a session to both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import psutil
import pymongo
from pymongo.asynchronous.database import AsyncDatabase

from bench.verdicts import Verdict
from bench.work import Spread
from scrapr.storage.mongo import Document
from tests.system.machine import Machine


class Busy(Exception):
    """The datasource asks to send it again later."""


PATIENCE = 600.0
"""Seconds that anything may take on a machine that is busy."""


@dataclass(frozen=True)
class Stage:
    """A running `scrapr up`; `rounds` is how often each row measures, `records` how large a large collection is."""

    machine: Machine
    session: aiohttp.ClientSession
    client: pymongo.AsyncMongoClient[Document]
    mongo: str
    rounds: int
    records: int

    def database(self, name: str) -> AsyncDatabase[Document]:
        """A database whose writes are as durable as those of the roles."""
        return self.client.get_database(name, write_concern=pymongo.WriteConcern("majority", j=True))

    async def post(self, body: bytes, *, url: str | None = None) -> float:
        """Seconds until a batch is acknowledged, by the datasource or at another `url`."""
        where = url or self.machine.url("datasource") + "/v1/items"
        started = time.perf_counter()
        async with self.session.post(
            where, data=body, headers={"Content-Type": "application/json"}
        ) as answer:
            text = await answer.text()
        if answer.status in (429, 503):
            raise Busy(text)
        if answer.status != 200:
            raise RuntimeError(f"{where} answered {answer.status}: {text}")
        return time.perf_counter() - started

    async def version(self, collection: str) -> int:
        """What version a collection has at the datasource; 0 where there is none yet."""
        url = self.machine.url("datasource") + f"/v1/collections/{collection}?limit=1"
        async with self.session.get(url) as answer:
            found: dict[str, Any] = await answer.json()
        return int(found.get("version", 0))

    async def until_version(self, collection: str, version: int) -> None:
        """Return when the datasource has reduced up to `version`."""

        async def is_there() -> bool:
            return await self.version(collection) >= version

        await until(is_there)

    async def serve(self, collection: str) -> None:
        """Return when an endpoint serves the collection, which has nothing in it yet."""
        draft = {"type": "endpoint", "collection": collection}
        async with self.session.post(self.machine.url("config") + "/v1/configurations", json=draft) as answer:
            if answer.status != 201:
                raise SystemExit(f"config refused an endpoint: {await answer.text()}")
            identity = (await answer.json())["id"]

        async def is_claimed() -> bool:
            url = self.machine.url("config") + f"/v1/configurations/{identity}"
            async with self.session.get(url) as answer:
                return (await answer.json()).get("container") is not None

        await until(is_claimed, pause=0.05)

    async def shown(self, collection: str) -> int:
        """What version the endpoint shows; 0 where it shows none yet."""
        url = self.machine.url("endpoint") + f"/v1/collections/{collection}/items?limit=1"
        async with self.session.get(url) as answer:
            await answer.read()
        return int(answer.headers.get("X-Collection-Version", 0))


async def until(condition: Callable[[], Awaitable[bool]], *, pause: float = 0.002) -> None:
    """Return when the condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 - it asks over HTTP, as a user would
            await asyncio.sleep(pause)


@asynccontextmanager
async def setting(machine: Machine, *, rounds: int, records: int) -> AsyncIterator[Stage]:
    """The stage of a machine that is ready."""
    [mongod] = [each for each in machine.processes() if "mongod" in each.name()]
    port = next(each.laddr.port for each in mongod.net_connections() if each.status == psutil.CONN_LISTEN)
    url = f"mongodb://127.0.0.1:{port}/?directConnection=true"
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        pymongo.AsyncMongoClient[Document](url, tz_aware=True) as client,
    ):
        yield Stage(machine, session, client, url, rounds, records)


def at_least(what: str, least: float, ratios: list[float]) -> Verdict:
    """The verdict on ratios whose median shall not be smaller."""
    spread = Spread.of(ratios)
    return Verdict(what, f"≥ {least}", spread.shown(2), spread.median >= least)


def at_most(what: str, most: float, ratios: list[float]) -> Verdict:
    """The verdict on ratios whose median shall not be greater."""
    spread = Spread.of(ratios)
    return Verdict(what, f"≤ {most}", spread.shown(2), spread.median <= most)


def quantile(numbers: list[float], part: float) -> float:
    """The number below which that part of all lies."""
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]
