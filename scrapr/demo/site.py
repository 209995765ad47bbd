"""The bundled site: pages with the markup of the thesis's example, served from loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

PAGES = Path(__file__).parent / "site"
SEARCH = "/busqueda/logrono"


@asynccontextmanager
async def serving() -> AsyncIterator[str]:
    """Serve the site on a free port of 127.0.0.1 and yield the URL of its first page."""
    app = web.Application()
    app.router.add_get(SEARCH, _page)
    app.router.add_get(SEARCH + "/{number:[0-9]+}", _page)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}{SEARCH}"
    finally:
        await runner.cleanup()


async def _page(request: web.Request) -> web.FileResponse:
    page = PAGES / SEARCH[1:] / f"{int(request.match_info.get('number', '1'))}.html"
    if not page.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(page)
