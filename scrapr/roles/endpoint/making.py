"""Answers made from the mirror: a page is read, written in the format that is wanted, and told with its headers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from functools import partial

from aiohttp import web
from yarl import URL

from scrapr.model.errors import Unavailable
from scrapr.roles.endpoint import encodings, metrics, query
from scrapr.roles.endpoint.answer import Answer
from scrapr.roles.endpoint.demand import Demand
from scrapr.roles.endpoint.export import Export
from scrapr.roles.endpoint.formats import kinds
from scrapr.roles.endpoint.formats.kinds import Format
from scrapr.roles.endpoint.formats.writing import Subject, writer
from scrapr.roles.endpoint.indexer import Indexer
from scrapr.roles.endpoint.mirror import Gone, Mirror
from scrapr.roles.endpoint.mirrored import Mirrored, ReadyKey
from scrapr.roles.endpoint.query import Page, Shape
from scrapr.roles.endpoint.selection import After, read_cursor
from scrapr.roles.endpoint.settings import EndpointSettings
from scrapr.web.sharing import ORIGINS

TRIES = 5
PIECE = 1000
"""Items that are read at once for a document."""
TABLES = frozenset({kinds.CSV, kinds.PARQUET})


@dataclass(frozen=True)
class Asked:
    """One request about one collection. `key` is where its answer may be ready."""

    request: web.Request
    mirrored: Mirrored
    shape: Shape
    format: Format
    encoding: str
    demand: Demand
    key: ReadyKey

    @property
    def stale(self) -> bool:
        """Whether nobody knows any more if the copy is right."""
        return self.key[2]


class Maker:
    """Makes answers out of the mirror alone; `private` ones are no shared cache's."""

    def __init__(
        self, mirror: Mirror, indexer: Indexer, settings: EndpointSettings, *, private: bool
    ) -> None:
        self._mirror = mirror
        self._indexer = indexer
        self._settings = settings
        self._private = private
        self._exports = asyncio.Semaphore(settings.exports)

    async def make(self, asked: Asked) -> Answer | Export:
        """The answer; a document of more than a piece is written while it is sent. Raises `Unavailable`."""
        metrics.MADE.inc()
        confirmed_at, wish = asked.mirrored.confirmed_at, asked.demand
        page = await self._page(asked, wish.after, wish.limit or PIECE)
        if asked.format is kinds.JSON:
            body = query.bare(page)
            if asked.shape.versioned:
                body = query.full(asked.mirrored.name, page, stale=asked.stale, confirmed_at=confirmed_at)
            return await self._finish(asked, page, body)
        writes = writer(asked.format, await self._subject(asked, page))
        if wish.limit is None and page.next is not None:
            told = self.tell(asked, replace(page, next=None), encoding=asked.encoding)
            return Export(page, partial(self._follow, asked), writes, told, asked.encoding, self._exports)
        body = await asyncio.to_thread(lambda: writes.begin() + writes.write(page.told) + writes.end())
        return await self._finish(asked, page, body)

    def tell(self, asked: Asked, page: Page, *, body: bytes = b"", encoding: str = "") -> Answer:
        """The answer with its headers."""
        tag = query.tag(page.copy, asked.format.name, stale=asked.stale)
        mirrored = asked.mirrored
        shared = self.is_for_all(asked) and not self._private
        headers = {
            **ORIGINS,
            "Content-Type": asked.format.sent_as,
            "ETag": f'W/"{tag}"',
            "Cache-Control": query.cache_control(mirrored.ttl, most=self._settings.cache_most, shared=shared),
            "Age": "0",
            "Vary": "Accept, Accept-Encoding",
            "X-Collection-Version": str(page.copy.version),
            "X-Scrapr-Stale": "true" if asked.stale else "false",
        }
        if encoding:
            headers["Content-Encoding"] = encoding
        if page.copy.changed_at is not None:
            headers["Last-Modified"] = query.http_date(page.copy.changed_at)
        if page.cursor is not None:
            following = asked.request.rel_url.update_query(cursor=page.cursor)
            headers["Link"] = f'<{following}>; rel="next"'
        if asked.format.attached:
            headers["Content-Disposition"] = f'attachment; filename="{mirrored.name}.{asked.format.name}"'
        resource = asked.request.match_info.route.resource
        return Answer(
            body=body,
            headers=headers,
            tag=tag,
            modified=None if asked.stale else mirrored.modified,
            route=resource.canonical if resource else "unknown",
        )

    def is_for_all(self, asked: Asked) -> bool:
        """Whether others may have the same answer: a feed's links may begin as this client wrote them."""
        return asked.format is not kinds.RSS or bool(self._settings.url)

    async def _finish(self, asked: Asked, page: Page, body: bytes) -> Answer:
        if len(body) <= encodings.SMALL or not asked.encoding:
            return self.tell(asked, page, body=body)
        encoded = await asyncio.to_thread(encodings.encode, body, asked.encoding)
        return self.tell(asked, page, body=encoded, encoding=asked.encoding)

    async def _follow(self, asked: Asked, page: Page) -> Page | None:
        """The page after `page`."""
        match page.next:
            case None:
                return None
            case int(created):
                after = After((), created)
            case str(cursor):
                after = read_cursor(asked.demand.selection, cursor)
        return await self._page(asked, after, PIECE)

    async def _page(self, asked: Asked, after: After | None, limit: int) -> Page:
        wanted = asked.demand.selection
        for _ in range(TRIES):
            if (copy := asked.mirrored.copy) is None:
                break
            if wanted.match:
                await self._indexer.await_text(copy.table)
            # Wanted before it is missed: what takes too long without its index finds it the next time.
            self._indexer.want(copy, wanted)
            try:
                return await asyncio.to_thread(self._read, copy.table, asked, after, limit)
            except Gone:
                continue  # another copy took its place; it is there already
        raise Unavailable(f"The collection {asked.mirrored.name!r} is being replaced")

    def _read(self, table: int, asked: Asked, after: After | None, limit: int) -> Page:
        wanted = asked.demand.selection
        if wanted.plain:
            page = self._mirror.page(table, after=-1 if after is None else after.created, limit=limit)
        else:
            page = self._mirror.select(
                table,
                wanted,
                after,
                limit=limit,
                counted=self._settings.counted,
                seconds=self._settings.query,
            )
        # A table has no other columns than these anyway.
        return query.cut(page, wanted.fields) if wanted.fields and asked.format not in TABLES else page

    async def _subject(self, asked: Asked, page: Page) -> Subject:
        place = asked.request.url.with_query(None)
        if self._settings.url:
            place = URL(self._settings.url).with_path(place.path)
        return Subject(
            collection=asked.mirrored.name,
            url=str(place),
            changed_at=page.copy.changed_at,
            schema=await asyncio.to_thread(self._mirror.schema, page.copy.table),
            fields=asked.demand.selection.fields,
            ttl=asked.mirrored.ttl,
        )
