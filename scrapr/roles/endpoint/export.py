"""A document that is sent while it is read: piece by piece, in bounded memory, however long the collection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from scrapr.model.errors import ScraprError, Unavailable
from scrapr.roles.endpoint import encodings
from scrapr.roles.endpoint.answer import Answer
from scrapr.roles.endpoint.formats.writing import Writer
from scrapr.roles.endpoint.query import Page

log = structlog.get_logger()
SLOW = 30.0
"""Seconds in which a client takes a piece, or is sent away: it holds a place that others wait for."""
AGAIN = 5


class Export:
    """Begins with `page`; `follow` gives the page after a page. What changes meanwhile is told where it is then."""

    def __init__(
        self,
        page: Page,
        follow: Callable[[Page], Awaitable[Page | None]],
        writes: Writer,
        told: Answer,
        encoding: str,
        places: asyncio.Semaphore,
    ) -> None:
        self._page = page
        self._follow = follow
        self._writes = writes
        self.told = told
        self._encoder = encodings.encoder(encoding)
        self._places = places

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Send all of it. Raises `Unavailable` where too many are sent already."""
        if self._places.locked():
            raise Unavailable("Too many whole collections are being told", retry_after=AGAIN)
        async with self._places:
            answer = web.StreamResponse(headers=self.told.headers)
            await answer.prepare(request)
            if request.method == "HEAD":
                return answer
            try:
                await self._send(answer)
            except (ScraprError, TimeoutError, ConnectionError) as error:
                log.warning("export cut", path=request.path, reason=str(error) or type(error).__name__)
                # What was promised cannot be delivered: only a cut connection tells the client so.
                if request.transport is not None:
                    request.transport.abort()
            return answer

    async def _send(self, answer: web.StreamResponse) -> None:
        page: Page | None = self._page
        piece = await asyncio.to_thread(self._begin)
        while page is not None:
            piece += await asyncio.to_thread(self._write, page)
            if piece:
                async with asyncio.timeout(SLOW):
                    await answer.write(piece)
            page, piece = await self._follow(page), b""
        async with asyncio.timeout(SLOW):
            await answer.write_eof(await asyncio.to_thread(self._end))

    def _begin(self) -> bytes:
        return self._encoder.write(self._writes.begin())

    def _write(self, page: Page) -> bytes:
        return self._encoder.write(self._writes.write(page.told))

    def _end(self) -> bytes:
        return self._encoder.write(self._writes.end()) + self._encoder.end()
