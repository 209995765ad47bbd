"""The courier takes together what waits, tells each sender what became of its own, and loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from scrapr.client.datasource import DatasourceClient
from scrapr.client.settings import ClientSettings
from scrapr.client.transport import Transport, at
from scrapr.model.batch import Batch
from scrapr.model.errors import TooLarge, Unavailable
from scrapr.roles.scraper.courier import WEIGHT_MOST, Courier
from tests.endings import end


class Datasource:
    """A real server that answers when its gate is open; a batch whose source is a status is refused with that."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.requests: list[list[str]] = []
        self.arrived = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        value = orjson.loads(await request.read())
        batches = value if isinstance(value, list) else [value]
        self.requests.append([batch["run"] for batch in batches])
        self.arrived.set()
        await self.gate.wait()
        for batch in batches:
            if batch["source"]:
                return web.Response(status=int(batch["source"]))
        receipts: list[Any] = [{"accepted": 1, "run": batch["run"]} for batch in batches]
        body = {"receipts": receipts} if isinstance(value, list) else receipts[0]
        return web.Response(body=orjson.dumps(body), content_type="application/json")

    @asynccontextmanager
    async def courier(self) -> AsyncIterator[Courier]:
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/v1/items", self.take)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            async with aiohttp.ClientSession() as session:
                url = f"http://127.0.0.1:{runner.addresses[0][1]}"
                yield Courier(DatasourceClient(Transport(session, at(url), ClientSettings(tries=1))))
        finally:
            self.gate.set()
            await runner.cleanup()


def batch(run: str, *, source: str | None = None, text: str = "t") -> Batch:
    return Batch(collection="c", data=[{"title": text}], run=run, source=source)


async def send(courier: Courier, *batches: Batch) -> asyncio.Task[None]:
    """Hand them over, and go on when they wait or are under way."""
    task = asyncio.get_running_loop().create_task(courier.send_all(batches))
    await asyncio.sleep(0)
    return task


async def test_what_waits_travels_together_and_in_order() -> None:
    datasource = Datasource()
    async with datasource.courier() as courier:
        tasks = [await send(courier, batch("a"))]
        await datasource.arrived.wait()
        tasks += [await send(courier, batch("b"), batch("b2")), await send(courier, batch("c"))]
        datasource.gate.set()
        await asyncio.gather(*tasks)
    assert datasource.requests == [["a"], ["b", "b2", "c"]]


async def test_a_refusal_reaches_whose_batch_it_is_and_nobody_else() -> None:
    datasource = Datasource()
    async with datasource.courier() as courier:
        tasks = [await send(courier, batch("a"))]
        await datasource.arrived.wait()
        tasks += [await send(courier, batch("b", source="413")), await send(courier, batch("c"))]
        datasource.gate.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), TooLarge, type(None)]


async def test_an_outage_is_told_to_all() -> None:
    datasource = Datasource()
    async with datasource.courier() as courier:
        tasks = [await send(courier, batch("a"))]
        await datasource.arrived.wait()
        tasks += [await send(courier, batch("b", source="503")), await send(courier, batch("c"))]
        datasource.gate.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), Unavailable, Unavailable]


async def test_whoever_is_cancelled_takes_nobody_else_along() -> None:
    datasource = Datasource()
    async with datasource.courier() as courier:
        first = await send(courier, batch("a"))
        await datasource.arrived.wait()
        carrier, gone = await send(courier, batch("b")), await send(courier, batch("x"))
        other = await send(courier, batch("c"))
        await end(gone)
        datasource.arrived.clear()
        datasource.gate.set()
        await first
        await datasource.arrived.wait()
        await end(carrier)
        await other
    assert datasource.requests[0] == ["a"]
    assert datasource.requests[1][0] == "b"
    assert "c" in datasource.requests[-1]
    assert not any("x" in request for request in datasource.requests)


@pytest.mark.parametrize("weight", [WEIGHT_MOST // 2, 2 * WEIGHT_MOST])
async def test_a_request_is_not_too_heavy_unless_one_alone_is(weight: int) -> None:
    datasource = Datasource()
    async with datasource.courier() as courier:
        tasks = [await send(courier, batch("a"))]
        await datasource.arrived.wait()
        tasks += [await send(courier, batch(run, text="x" * weight)) for run in "bcd"]
        datasource.gate.set()
        await asyncio.gather(*tasks)
    assert datasource.requests == [["a"], ["b"], ["c"], ["d"]]
