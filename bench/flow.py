"""From a posted configuration, and from a posted batch, to the endpoint; the start, the stop and the idle machine.

Run with `make bench-flow`. Times of the flow are measured from the first byte sent to the first answer that holds the
data, polled over one kept connection. The floor of a batch is what MongoDB itself takes here: one document written with
majority and journal until its change stream tells of it, measured in turn with the batches.
"""

from __future__ import annotations

import asyncio
import functools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pymongo
from aiohttp import web

from scrapr.storage.mongo import Document
from tests.system.machine import Machine, free_port_base, running

CONFIGURATIONS = 50
BATCHES = 500
HELPS = 10
PAGE = "<ul><li><a>one</a></li><li><a>two</a></li></ul>"


def main() -> None:
    """Measure everything and print one table."""
    rows: list[tuple[str, str, str]] = [_help()]
    with tempfile.TemporaryDirectory() as folder:
        port_base = free_port_base()
        started = time.perf_counter()
        with running(Path(folder) / "data", port_base=port_base) as machine:
            rows.append(
                (
                    "`scrapr up` from nothing to all roles ready",
                    f"{time.perf_counter() - started:.2f} s",
                    "6 s",
                )
            )
            asyncio.run(_settle())
            rows.append(_memory(machine))
            rows += asyncio.run(_flow(machine))
            everything = machine.processes()
            asked = time.perf_counter()
            machine.stop()
            psutil.wait_procs(everything, timeout=20)
            rows.append(("SIGTERM to everything gone", f"{time.perf_counter() - asked:.2f} s", "10 s"))
    for what, figure, goal in rows:
        print(f"{what:<66} {figure:<34} goal {goal}")


async def _settle() -> None:
    await asyncio.sleep(3)


def _help() -> tuple[str, str, str]:
    seconds = []
    for _ in range(HELPS):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "scrapr", "--help"], check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - started)
    return "`scrapr --help`, median", f"{statistics.median(seconds):.2f} s", "0.4 s"


def _memory(machine: Machine) -> tuple[str, str, str]:
    """Proportional: a page that forked processes share counts once in all."""
    parts = [(each.name(), each.memory_full_info()) for each in machine.processes()]
    shared_once = sum(info.pss for _, info in parts) / 2**20
    resident = sum(info.rss for _, info in parts) / 2**20
    return (
        "all processes idle, proportional (sum of resident sizes)",
        f"{shared_once:.0f} MiB ({resident:.0f})",
        "700 MiB",
    )


async def _flow(machine: Machine) -> list[tuple[str, str, str]]:
    async with aiohttp.ClientSession() as session, _Site() as source:
        configurations = [
            await _configuration(session, machine, source, number) for number in range(CONFIGURATIONS)
        ]
        batches, floors = await _batches(session, machine)
    floor = statistics.median(floors)
    return [
        (
            "POST /configurations → first item at the endpoint, p50 / p99",
            _spread(configurations),
            "150 / 500 ms",
        ),
        ("POST /items → visible at the endpoint, p50 / p99", _spread(batches), "30 / 100 ms"),
        ("  floor: MongoDB's own write → change stream, p50 / p99", _spread(floors), "-"),
        ("  ratio of the medians", f"{statistics.median(batches) / floor:.1f} ×", "-"),
    ]


def _spread(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    p50, p99 = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
    return f"{p50 * 1e3:.1f} / {p99 * 1e3:.1f} ms of {len(ordered)}"


class _Site:
    """One page on loopback, whatever the path."""

    async def __aenter__(self) -> str:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._page)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")


async def _configuration(session: aiohttp.ClientSession, machine: Machine, source: str, number: int) -> float:
    collection = f"flow-{number}"
    scraper = {"source": f"{source}/{number}", "scope": "li", "selector": [{"title": "a"}]}
    body = {"type": "scraper", "collection": collection, "scraper": scraper, "ttl": 3600}
    started = time.perf_counter()
    async with session.post(machine.url("config") + "/v1/configurations", json=body) as answer:
        assert answer.status == 201, await answer.text()
    await _until(lambda: _holds(session, machine, collection, "one"))
    return time.perf_counter() - started


async def _batches(session: aiohttp.ClientSession, machine: Machine) -> tuple[list[float], list[float]]:
    seconds, floors = [], []
    url = machine.url("datasource") + "/v1/items"
    [mongo] = [each for each in machine.processes() if "mongod" in each.name()]
    port = next(each.laddr.port for each in mongo.net_connections() if each.status == psutil.CONN_LISTEN)
    async with pymongo.AsyncMongoClient[Document](
        f"mongodb://127.0.0.1:{port}/?directConnection=true"
    ) as client:
        floor = client.get_database("bench", write_concern=pymongo.WriteConcern("majority", j=True))["floor"]
        async with await floor.watch(max_await_time_ms=100) as stream:
            for number in range(BATCHES):
                title = f"batch {number}"
                started = time.perf_counter()
                async with session.post(
                    url, json={"collection": "flow-0", "data": [{"title": title}]}
                ) as answer:
                    assert answer.status == 200, await answer.text()
                await _until(functools.partial(_newest, session, machine, "flow-0", number))
                seconds.append(time.perf_counter() - started)
                started = time.perf_counter()
                await floor.insert_one({"title": title})
                while await stream.try_next() is None:
                    pass
                floors.append(time.perf_counter() - started)
    return seconds, floors


async def _holds(session: aiohttp.ClientSession, machine: Machine, collection: str, title: str) -> bool:
    async with session.get(machine.url("endpoint") + f"/v1/collections/{collection}/items") as answer:
        return answer.status == 200 and any(
            item["title"] == title for item in json.loads(await answer.read())["items"]
        )


async def _newest(session: aiohttp.ClientSession, machine: Machine, collection: str, number: int) -> bool:
    """Whether a record is there: the collection's version is that of its creation, two records came before."""
    async with session.get(machine.url("endpoint") + f"/v1/collections/{collection}/items?limit=1") as answer:
        version = int(answer.headers["X-Collection-Version"])
        await answer.read()
    return version >= number + 3


async def _until(condition: Callable[[], Awaitable[Any]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110 - it asks over HTTP, as a user would
            await asyncio.sleep(0.0005)


if __name__ == "__main__":
    main()
