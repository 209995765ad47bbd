"""Many sites on one machine: every address of 127.0.0.0/8 is one, with a page that changes at each fetch."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from tests.conftest import find_free_port

ITEMS, CHANGED = 30, 3
FETCHES: Counter[str] = Counter()
"""Of each site."""


@contextmanager
def serving_sites() -> Iterator[int]:
    """A port at which every address of 127.0.0.0/8 is a site of its own."""
    port, stop = find_free_port(), threading.Event()
    ready = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_serve_sites(port, ready, stop)))
    thread.start()
    try:
        ready.wait(30)
        yield port
    finally:
        stop.set()
        thread.join()


async def _serve_sites(port: int, ready: threading.Event, stop: threading.Event) -> None:
    app = web.Application()
    app.router.add_get("/", _answer_page)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", port, backlog=4096).start()
    ready.set()
    await asyncio.to_thread(stop.wait)
    await runner.cleanup()


async def _answer_page(request: web.Request) -> web.Response:
    FETCHES[request.host] += 1
    count = FETCHES[request.host]
    rows = (
        f'<li class="item"><h3>Place {each}</h3><a href="/place/{each}">more</a>'
        f"<p>{count if each < CHANGED else 0} euros, Gran Via {each}, Logrono</p></li>"
        for each in range(ITEMS)
    )
    return web.Response(text=f"<ul>{''.join(rows)}</ul>", content_type="text/html")
