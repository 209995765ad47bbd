"""Ready answers: bytes that are sent as they are, past the router and the middlewares."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import perf_counter
from typing import TypeAlias

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.web_request import BaseRequest

Quick: TypeAlias = Callable[[BaseRequest], "Ready | None"]
"""The ready answer to a request, or None where it is to be made as usual."""
Serve: TypeAlias = Callable[[BaseRequest], Awaitable[web.StreamResponse]]


class Ready(web.StreamResponse):
    """An answer that has no part of any one request, so that one serves all; `route` is counted in the metrics.

    It is for HTTP/1.1 requests whose connection goes on.
    """

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes, *, route: str) -> None:
        super().__init__(status=status)
        self.route = route
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if status != HTTPStatus.NOT_MODIFIED:
            lines.append(f"Content-Length: {len(body)}")
        self._head = "\r\n".join([*lines, "Date: "]).encode()
        self._ready_body = body

    @property
    def keep_alive(self) -> bool:
        """That the connection goes on."""
        return True

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        """Send all of it."""
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("The client went away")
        pieces = [self._head, _date(int(time.time()))]
        if request.method != "HEAD":
            pieces.append(self._ready_body)
        transport.write(b"".join(pieces))
        await request.writer.drain()
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing: all is sent."""


@lru_cache(maxsize=2)
def _date(second: int) -> bytes:
    return f"{formatdate(second, usegmt=True)}\r\n\r\n".encode()


def first(
    quick: Quick,
    serve: Serve,
    count: Callable[[str, str, int, float], None],
    admits: Callable[[str], bool],
) -> Serve:
    """Answers what is ready, and hands all else to `serve`; `count` is told method, route, status and seconds.

    Nothing is given up by it: reads are answered while a role drains, what is ready was made by the way of all
    requests, and whom `admits` does not know by the `Authorization` header goes that way, too.
    """

    async def handle(request: BaseRequest) -> web.StreamResponse:
        started = perf_counter()
        is_quick = is_plain(request) and admits(request.headers.get("Authorization", ""))
        answer = quick(request) if is_quick else None
        if answer is None:
            return await serve(request)
        count(request.method, answer.route, answer.status, perf_counter() - started)
        return answer

    return handle


def is_plain(request: BaseRequest) -> bool:
    """Whether a request may be answered by bytes alone."""
    return (
        request.method in {"GET", "HEAD"}
        and request.version == (1, 1)
        and request.keep_alive
        and "Expect" not in request.headers
    )
