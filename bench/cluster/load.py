"""Requests at a steady rate, whatever becomes of those before them."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

PATIENCE = aiohttp.ClientTimeout(total=90)


@contextmanager
def asking(url: str, *, rate: float) -> Iterator[Counter[int | str]]:
    """GETs of `url`, past the entry's cache; the counts of what was answered, complete at the end of the block."""
    counts: Counter[int | str] = Counter()
    stop = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_ask(url, rate, counts, stop)))
    thread.start()
    try:
        yield counts
    finally:
        stop.set()
        thread.join()


async def _ask(url: str, rate: float, counts: Counter[int | str], stop: threading.Event) -> None:
    headers = {"Authorization": "Bearer of-nobody"}
    connector = aiohttp.TCPConnector(ssl=False, limit=0)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=PATIENCE, headers=headers) as session,
        asyncio.TaskGroup() as group,
    ):
        clock = asyncio.get_running_loop()
        due = clock.time()
        while not stop.is_set():
            group.create_task(_ask_once(session, url, counts))
            due += 1 / rate
            await asyncio.sleep(max(0.0, due - clock.time()))


async def _ask_once(session: aiohttp.ClientSession, url: str, counts: Counter[int | str]) -> None:
    try:
        async with session.get(url) as answer:
            await answer.read()
            counts[answer.status] += 1
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        counts[type(error).__name__] += 1
