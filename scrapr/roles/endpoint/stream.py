"""A collection's changes as server-sent events (WHATWG HTML, 9.2)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Annotated

import aiohttp
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from scrapr.client.events import MEDIA_TYPE
from scrapr.model.change import VERSION_MOST
from scrapr.model.errors import Unavailable
from scrapr.model.validation import parse
from scrapr.roles.endpoint.audience import Audience, Listener
from scrapr.roles.endpoint.mirrored import Mirrored
from scrapr.roles.endpoint.recent import Piece, Reset, event
from scrapr.roles.endpoint.settings import EndpointSettings
from scrapr.web.call import Call
from scrapr.web.sockets import bound_buffer

HEADERS = {
    "Content-Type": MEDIA_TYPE,
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # NGINX would hold events back
}
LAST = "Last-Event-ID"


class StreamQuery(BaseModel):
    """Where a stream begins; a browser that comes back says so with the header `Last-Event-ID`, which counts more."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    since: Annotated[
        int | None,
        Field(ge=0, le=VERSION_MOST, description="the version that the client has; none: from now on"),
    ] = None
    last: Annotated[int | None, Field(ge=0, le=VERSION_MOST, alias=LAST)] = None

    @property
    def begin(self) -> int | None:
        """The version after which the stream begins; None for now."""
        return self.since if self.last is None else self.last


def is_wanted(request: web.Request) -> bool:
    """Whether the client wants events instead of a document."""
    return MEDIA_TYPE in request.headers.get("Accept", "").lower()


def read(call: Call) -> StreamQuery:
    """What the client asks for. Raises `Invalid`."""
    headers = call.request.headers
    return parse(StreamQuery, {**call.request.query, **({LAST: headers[LAST]} if headers.get(LAST) else {})})


class _Stream:
    """A `Line` that is the body of an answer."""

    kind = "sse"

    def __init__(self, request: web.Request, response: web.StreamResponse) -> None:
        self._request = request
        self._response = response

    @property
    def gone(self) -> bool:
        """Whether the connection has ended."""
        return self._request.transport is None or self._request.transport.is_closing()

    async def tell(self, piece: Piece) -> None:
        """Send changes."""
        await self.write(piece.frames)

    async def reset(self, collection: str, reset: Reset) -> None:
        """Send word that the collection must be reloaded."""
        await self.write(event("reset", reset.body(collection), version=reset.version))

    async def beat(self) -> None:
        """Send a comment."""
        await self.write(b":\n\n")

    async def write(self, text: bytes) -> None:
        """Send `text`."""
        try:
            await self._response.write(text)
        except aiohttp.ClientError as error:
            raise ConnectionResetError("The client is gone") from error

    def cut(self) -> None:
        """Drop the connection."""
        if self._request.transport is not None:
            self._request.transport.abort()


class Streams:
    """Answers that end when the client goes, or this process."""

    def __init__(self, audience: Audience, settings: EndpointSettings) -> None:
        self._audience = audience
        self._settings = settings

    def seat(self) -> AbstractContextManager[None]:
        """A place for a stream, be it a peer's. Raises `Unavailable` where there is none."""
        return self._audience.seat(_Stream.kind)

    def postpone(self, call: Call, error: Unavailable) -> web.Response:
        """An answer to a client that was here before, so that it comes again. Raises `error` for any other.

        A browser gives up for good where it is answered anything but 200.
        """
        if LAST not in call.request.headers:
            raise error
        retry = max(self._audience.retry(), int(1000 * (error.retry_after or 0)))
        return web.Response(body=b"retry: %d\n\n" % retry, headers=HEADERS)

    async def give(self, call: Call, mirrored: Mirrored) -> web.StreamResponse:
        """The changes of a collection. Raises `Invalid`, or `Unavailable` for what was never seen or for too many."""
        query, request = read(call), call.request
        await mirrored.arrive(self._settings.wait)
        if request.method == "HEAD":
            return web.Response(headers=HEADERS)
        with self.seat():
            response = web.StreamResponse(headers=HEADERS)
            bound_buffer(request)
            await response.prepare(request)
            stream = _Stream(request, response)
            listener = Listener(mirrored, stream, since=query.begin)
            try:
                await stream.write(_opening(self._audience.retry(), listener.version))
                await self._audience.attend(listener)
                await stream.write(b"retry: %d\n\n" % self._audience.retry())
                await response.write_eof()
            except (OSError, aiohttp.ClientError):
                pass  # the client is gone, and nobody is there to be told
            return response


def _opening(retry: int, version: int) -> bytes:
    """An id without data tells no listener anything, but the browser comes back with it."""
    return b"retry: %d\nid: %d\n\n" % (retry, version)
