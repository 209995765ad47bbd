"""`POST /items` to durable acknowledgement, beside orjson and `insert_many` behind the same HTTP server.

Both are sent as many batches one after the other as makes 10,000 items, in turn. The datasource reduces what it took at
the same time; with its reducer left behind, an acknowledgement costs less than it does here.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

from bench.data.stage import Stage, at_least, until
from bench.verdicts import Verdict
from tests.conftest import find_free_port

SIZES = (100, 1000)
ITEMS = 10_000
LEAST = 0.7
FLOOR = Path(__file__).with_name("floor.py")


async def measure(stage: Stage) -> list[Verdict]:
    """Both sizes."""
    async with _floor(stage) as url:
        return [await _measure(stage, size, url) for size in SIZES]


async def _measure(stage: Stage, size: int, floor: str) -> Verdict:
    ratios, rates = [], []
    collection = f"posted-{size}"
    numbers = itertools.count()
    for _ in range(stage.rounds):
        raw = sum([await stage.post(_body("floor", size, numbers), url=floor) for _ in range(ITEMS // size)])
        known = await stage.version(collection)
        ours = sum([await stage.post(_body(collection, size, numbers)) for _ in range(ITEMS // size)])
        ratios.append(raw / ours)
        rates.append(ITEMS / ours)
        await stage.until_version(collection, known + ITEMS)
    print(f"  batches of {size}: {sorted(rates)[len(rates) // 2]:,.0f} items/s acknowledged", flush=True)
    return at_least(f"POST /items, batches of {size}: items/s ÷ orjson and insert_many", LEAST, ratios)


def _body(collection: str, size: int, numbers: Iterator[int]) -> bytes:
    items: list[Any] = [make_item(number) for number in itertools.islice(numbers, size)]
    return orjson.dumps({"collection": collection, "data": items})


def make_item(number: int, *, price: int = 0) -> dict[str, Any]:
    """An item as a listing gives it."""
    return {
        "title": f"Restaurant {number}",
        "url": f"https://example.org/restaurants/{number}",
        "address": f"{number % 300} Main Street",
        "price": f"{price or number % 90} €",
    }


@asynccontextmanager
async def _floor(stage: Stage) -> AsyncIterator[str]:
    port = find_free_port()
    process = await asyncio.create_subprocess_exec(sys.executable, str(FLOOR), str(port), stage.mongo)
    try:
        await until(lambda: _listens(port), pause=0.05)
        yield f"http://127.0.0.1:{port}/items"
    finally:
        process.terminate()
        await process.wait()


async def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
