"""Answers about items: ready bytes where there are any, made from the mirror where there are not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

from aiohttp import web

from scrapr.model.errors import Unavailable
from scrapr.model.validation import parse
from scrapr.roles.endpoint import metrics, query, selection, sql
from scrapr.roles.endpoint.mirror import Gone, Mirror
from scrapr.roles.endpoint.mirrored import Answer, Mirrored
from scrapr.roles.endpoint.query import Page, Shape, Wish
from scrapr.roles.endpoint.selection import After, Selection
from scrapr.roles.endpoint.settings import EndpointSettings

TRIES = 5
SMALL = 2000
"""Records up to which a query needs no index."""
WAITING = 16
"""Indexes that may wait to be made; more are asked for again by the queries that want them."""
PAGED = frozenset({"limit", "cursor", "collection"})
"""Parameters that do not select."""


class Answers:
    """Every answer comes from this process's memory; no other process is asked."""

    def __init__(self, mirror: Mirror, settings: EndpointSettings) -> None:
        self._mirror = mirror
        self._settings = settings
        self._wanted: asyncio.Queue[tuple[int, str]] = asyncio.Queue(WAITING)

    async def give(self, request: web.Request, mirrored: Mirrored, shape: Shape) -> web.Response:
        """The items that `request` asks for. Raises `Invalid`, or `Unavailable` for what was never seen."""
        if mirrored.copy is None:
            await mirrored.arrive(self._settings.wait)
        age = mirrored.age
        stale = age > self._settings.stale_after
        answer = mirrored.ready.get((shape, stale, request.rel_url.raw_query_string))
        if answer is None:
            answer = await self._make(request, mirrored, shape, stale=stale)
        headers = answer.headers
        if not mirrored.live:
            headers = {**headers, "Age": str(int(age))}
        if "If-None-Match" in request.headers and has(request, answer.tag):
            return web.Response(status=304, headers=_without_type(headers))
        return web.Response(body=answer.body, headers=headers)

    async def _make(self, request: web.Request, mirrored: Mirrored, shape: Shape, *, stale: bool) -> Answer:
        if not PAGED.issuperset(request.query):
            return await self._choose(request, mirrored, shape, stale=stale)
        wish = parse(shape.wish, dict(request.query))
        if wish.cursor is not None:
            return await self._build(request, mirrored, shape, wish, stale=stale)
        async with mirrored.making:
            # Of many who ask at once for what is not ready, one makes it. What is right now belongs to `ready` as
            # it is now: a change meanwhile puts another one in its place.
            ready, key = mirrored.ready, (shape, stale, request.rel_url.raw_query_string)
            if key not in ready:
                answer = await self._build(request, mirrored, shape, wish, stale=stale)
                if len(ready) >= self._settings.ready:
                    return answer
                ready[key] = answer
            return ready[key]

    async def _choose(self, request: web.Request, mirrored: Mirrored, shape: Shape, *, stale: bool) -> Answer:
        """An answer to a query; it is not kept, for there are more queries than could be."""
        asked = request.query
        wanted = selection.read((name, asked[name]) for name in dict.fromkeys(asked) if name not in PAGED)
        paging = {name: asked[name] for name in asked if name in PAGED}
        after: After | None = None
        if wanted.sort and "cursor" in paging:
            after = selection.read_cursor(wanted, paging.pop("cursor"))
        wish = parse(shape.wish, paging)
        if wish.cursor is not None:
            after = After((), wish.cursor)
        confirmed_at = mirrored.confirmed_at
        page = await self._read(
            mirrored,
            lambda table: self._mirror.select(
                table,
                wanted,
                after,
                limit=wish.limit,
                counted=self._settings.counted,
                seconds=self._settings.query,
            ),
        )
        self._want_index(page, wanted)
        if wanted.fields:
            page = await asyncio.to_thread(query.cut, page, wanted.fields)
        return self._tell(request, mirrored, shape, page, confirmed_at, stale=stale)

    def _want_index(self, page: Page, wanted: Selection) -> None:
        columns = sql.index(wanted)
        if columns is None or page.copy.total <= SMALL or not self._mirror.lacks(page.copy.table, columns):
            return
        with suppress(asyncio.QueueFull):
            self._wanted.put_nowait((page.copy.table, columns))

    async def index(self) -> None:
        """Make the indexes that queries lacked, one after the other, until cancelled."""
        while True:
            table, columns = await self._wanted.get()
            if self._mirror.lacks(table, columns):
                await asyncio.to_thread(self._mirror.index, table, columns, most=self._settings.indexes)
                metrics.INDEXED.inc()

    async def _build(
        self, request: web.Request, mirrored: Mirrored, shape: Shape, wish: Wish, *, stale: bool
    ) -> Answer:
        confirmed_at = mirrored.confirmed_at
        after = -1 if wish.cursor is None else wish.cursor
        page = await self._read(
            mirrored, lambda table: self._mirror.page(table, after=after, limit=wish.limit)
        )
        return self._tell(request, mirrored, shape, page, confirmed_at, stale=stale)

    def _tell(
        self,
        request: web.Request,
        mirrored: Mirrored,
        shape: Shape,
        page: Page,
        confirmed_at: float,
        *,
        stale: bool,
    ) -> Answer:
        metrics.MADE.inc()
        body = query.bare(page)
        if shape.versioned:
            body = query.full(mirrored.name, page, stale=stale, confirmed_at=confirmed_at)
        tag = query.tag(page.copy, stale=stale)
        return Answer(body, self._headers(request, page, tag, stale=stale), tag)

    async def _read(self, mirrored: Mirrored, read: Callable[[int], Page]) -> Page:
        for _ in range(TRIES):
            if mirrored.copy is None:
                break
            try:
                return await asyncio.to_thread(read, mirrored.copy.table)
            except Gone:
                continue  # another copy took its place; it is there already
        raise Unavailable(f"The collection {mirrored.name!r} is being replaced")

    def _headers(self, request: web.Request, page: Page, tag: str, *, stale: bool) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "ETag": f'W/"{tag}"',
            "Cache-Control": self._settings.cache_control,
            "Age": "0",
            "X-Collection-Version": str(page.copy.version),
            "X-Scrapr-Stale": "true" if stale else "false",
        }
        if page.copy.changed_at is not None:
            headers["Last-Modified"] = query.http_date(page.copy.changed_at)
        if page.cursor is not None:
            following = request.rel_url.update_query(cursor=page.cursor)
            headers["Link"] = f'<{following}>; rel="next"'
        return headers


def has(request: web.Request, tag: str) -> bool:
    """Whether the client has the state with `tag` (RFC 9110, 13.1.2: the comparison is weak)."""
    return any(known.value in {tag, "*"} for known in request.if_none_match or ())


def _without_type(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "Content-Type"}
