"""A steady stream of 5,000 items a second: whether the reducer keeps up, and when the endpoint shows a change.

A batch of 100 items, each of them a change, is sent every 20 ms whatever became of those before it. A change's time is
from the sending of its batch to the first answer of the endpoint whose version covers it.
"""

from __future__ import annotations

import asyncio
import time

import orjson

from bench.data.posting import make_item
from bench.data.stage import Busy, Stage, quantile, until
from bench.verdicts import Verdict

RATE = 5000
SIZE = 100
SECONDS = 10
MOST = 150.0
COLLECTION = "stream"
KEYS = 20_000
PAUSE = 1.0
"""Seconds after which a batch is sent again that the datasource has no room for."""


async def measure(stage: Stage) -> list[Verdict]:
    """One stream."""
    await stage.serve(COLLECTION)
    batches = RATE * SECONDS // SIZE
    sent: list[float] = []
    shown: dict[int, float] = {}
    async with asyncio.TaskGroup() as group:
        group.create_task(_watch(stage, batches, shown))
        began = time.perf_counter()
        for number in range(batches):
            await asyncio.sleep(began + number * SIZE / RATE - time.perf_counter())
            sent.append(time.perf_counter())
            group.create_task(_send(stage, number))
    waits = [(shown[number] - at) * 1e3 for number, at in enumerate(sent)]
    lag = shown[batches - 1] - sent[-1]
    p50, p99 = quantile(waits, 0.5), quantile(waits, 0.99)
    what = f"{RATE:,} items/s for {SECONDS} s: change at the endpoint, p99 (p50; last)"
    return [Verdict(what, f"≤ {MOST:.0f} ms", f"{p99:.0f} ms ({p50:.0f}; {lag * 1e3:.0f})", p99 <= MOST)]


async def _send(stage: Stage, number: int) -> None:
    items = [make_item((number * SIZE + at) % KEYS, price=number + 1) for at in range(SIZE)]
    body = orjson.dumps({"collection": COLLECTION, "data": items, "run": "stream", "page": number + 1})
    while True:
        try:
            await stage.post(body)
        except Busy:
            await asyncio.sleep(PAUSE)
        else:
            return


async def _watch(stage: Stage, batches: int, shown: dict[int, float]) -> None:
    """Note for each batch when the endpoint's version first covered as many changes."""

    async def is_over() -> bool:
        version = await stage.shown(COLLECTION)
        now = time.perf_counter()
        for number in range(len(shown), version // SIZE):
            shown[number] = now
        return len(shown) >= batches

    await until(is_over)
