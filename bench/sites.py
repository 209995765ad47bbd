"""Many sites on one machine: every address of 127.0.0.0/8 is one, with a page that is another now and then."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from tests.conftest import find_free_port

ITEMS, CHANGED = 30, 3
EVERY = web.AppKey("every", int)
FETCHES: Counter[str] = Counter()
"""Of each site."""


@contextmanager
def serving_sites(every: int = 1) -> Iterator[int]:
    """A port at which every address of 127.0.0.0/8 is a site of its own, another at each fetch or `every` so many."""
    port, stop = find_free_port(), threading.Event()
    ready = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_serve_sites(port, every, ready, stop)))
    thread.start()
    try:
        ready.wait(30)
        yield port
    finally:
        stop.set()
        thread.join()


async def _serve_sites(port: int, every: int, ready: threading.Event, stop: threading.Event) -> None:
    app = web.Application()
    app[EVERY] = every
    app.router.add_get("/", _answer_page)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", port, backlog=4096).start()
    ready.set()
    await asyncio.to_thread(stop.wait)
    await runner.cleanup()


async def _answer_page(request: web.Request) -> web.Response:
    FETCHES[request.host] += 1
    # Not all at the same time: each begins elsewhere.
    count = (FETCHES[request.host] + hash(request.host)) // request.app[EVERY]
    rows = (
        f'<li class="item"><h3>Place {each}</h3><a href="/place/{each}">more</a>'
        f"<p>{count if each < CHANGED else 0} euros, Gran Via {each}, Logrono</p></li>"
        for each in range(ITEMS)
    )
    return web.Response(text=f"<ul>{''.join(rows)}</ul>", content_type="text/html")
