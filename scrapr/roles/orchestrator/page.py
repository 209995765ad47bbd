"""The dashboard's routes, and its files as they lie in `scrapr/ui`: no build step, nothing from elsewhere."""

from __future__ import annotations

from hashlib import blake2b
from importlib.resources import files
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from scrapr.model.errors import NotFound
from scrapr.roles.orchestrator.overview import CollectionOverview, Lookout, Overview
from scrapr.web.call import Call
from scrapr.web.routes import Route

TYPES = {
    "index.html": "text/html",
    "style.css": "text/css",
    "app.js": "text/javascript",
    "views.js": "text/javascript",
}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
"""Scraped text is shown: nothing but our own script runs, and nothing leaves for elsewhere."""


class OverviewQuery(BaseModel):
    """Which page of configurations."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    after: Annotated[str | None, Field(max_length=100, description="go on after this configuration")] = None


def routes(lookout: Lookout) -> tuple[Route, ...]:
    """The dashboard: what it asks, and its files."""

    async def overview(call: Call) -> Overview:
        return await lookout.overview(call.query(OverviewQuery).after)

    async def collection(call: Call) -> CollectionOverview:
        return await lookout.collection(call.place("collection"))

    return (
        Route(
            "GET",
            "/overview",
            overview,
            "What the dashboard shows: all roles' views side by side",
            query=OverviewQuery,
            answer=Overview,
        ),
        Route(
            "GET",
            "/overview/collections/{collection}",
            collection,
            "One collection with its newest changes and runs",
            answer=CollectionOverview,
            refusals=(404,),
        ),
        *_files(),
    )


def _files() -> tuple[Route, ...]:
    contents = {name: (files("scrapr") / "ui" / name).read_bytes() for name in TYPES}

    def answer(call: Call, name: str) -> web.Response:
        tag = f'"{blake2b(contents[name], digest_size=8).hexdigest()}"'
        headers = {**HEADERS, "ETag": tag}
        if call.request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=contents[name], content_type=TYPES[name], charset="utf-8", headers=headers)

    async def lead(_: Call) -> web.Response:
        raise web.HTTPFound("/ui/")

    async def index(call: Call) -> web.Response:
        if call.versioned:  # what the page asks for is named as seen from /ui/
            raise web.HTTPFound("/ui/")
        return answer(call, "index.html")

    async def file(call: Call) -> web.Response:
        if (name := call.place("file")) not in contents:
            raise NotFound(f"The dashboard has no file {name[:100]!r}")
        return answer(call, name)

    return (
        Route("GET", "/ui", lead, "To the dashboard", need="nothing"),
        Route("GET", "/ui/", index, "The dashboard", need="nothing"),
        Route("GET", "/ui/{file}", file, "A file of the dashboard", need="nothing", refusals=(404,)),
    )
