"""A Socket.IO server (websocket transport) that bounds what waits for each client."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeAlias

import orjson
from aiohttp import hdrs, web
from engineio.packet import MESSAGE, Packet
from socketio.exceptions import ConnectionRefusedError as Rejected

from scrapr.model.errors import ScraprError
from scrapr.web.spoken import Server

PATH = "/socket.io/"
EVENT = "2"
"""The type of a Socket.IO packet that is an event (Socket.IO protocol 5)."""
Handler: TypeAlias = Callable[..., Awaitable[Any]]


SEND_BUFFER = 128 * 1024
"""Bytes that the kernel keeps for a client; by itself it takes megabytes before anyone notices a slow one."""


def bound_buffer(request: web.Request) -> None:
    """Let the kernel keep little for the client of `request`."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)


class Json:
    """orjson in the shape that python-socketio asks of a JSON module."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        """The JSON text of `value`."""
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(text: str, **_: Any) -> Any:
        """The value of a JSON text."""
        return orjson.loads(text)


class Sockets:
    """Clients at `/socket.io/`, each with a place from `seat`, which raises `Unavailable` where there is none.

    python-engineio keeps a queue without bounds for each client (its issue 133). So whoever sends looks at it: `send`
    waits until the client took what came before, and `waiting` says how much it did not take. `admits` raises for whom
    it does not let in, by the `Authorization` header.
    """

    def __init__(
        self,
        *,
        admits: Callable[[str], Awaitable[None]],
        seat: Callable[[], AbstractContextManager[None]] = nullcontext,
        **handlers: Handler,
    ) -> None:
        self._server = Server(
            async_mode="aiohttp", transports=["websocket"], json=Json, cors_allowed_origins=[], logger=False
        )
        self._admits = admits
        self._seat = seat
        self._requests: dict[str, web.Request] = {}
        self._gone = handlers.pop("disconnect", None)
        self._server.on("connect", self._connect)
        self._server.on("disconnect", self._disconnect)
        for event, handler in handlers.items():
            self._server.on(event, handler)

    def attach(self, app: web.Application, *, ping: float) -> None:
        """Serve from `app`; a side that hears nothing for two `ping` seconds takes the other for gone."""
        self._server.eio.ping_interval = self._server.eio.ping_timeout = ping
        app.router.add_get(PATH, self._handle)

    async def close(self) -> None:
        """Let go of everybody."""
        self.end_all()
        await self._server.shutdown()

    def end_all(self) -> None:
        """End everybody's connection: to a client one that just ends is one to be made again."""
        for sid in tuple(self._requests):
            self.end(sid)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do `work` beside the handlers of events."""

        async def do() -> None:
            await work

        task: asyncio.Task[None] = self._server.start_background_task(do)
        return task

    async def enter(self, sid: str, room: str) -> None:
        """Let a client into a room."""
        await self._server.enter_room(sid, room)

    def room(self, room: str) -> list[str]:
        """The clients in a room."""
        return [sid for sid, _ in self._server.manager.get_participants("/", room)]

    async def put(self, sid: str, message: str) -> None:
        """Send an event that is JSON already, whatever waits for the client; to one that is gone, nothing."""
        if (client := self._client(sid)) is not None:
            await client.send(Packet(MESSAGE, EVENT + message))

    async def send(self, sid: str, messages: Iterable[str]) -> None:
        """Send events that are JSON already, once the client took what came before. Raises `OSError` if it is gone."""
        if (client := self._client(sid)) is None:
            raise ConnectionResetError("The client is gone")
        await client.queue.join()
        for message in messages:
            if client.closed:
                raise ConnectionResetError("The client is gone")
            await client.send(Packet(MESSAGE, EVENT + message))

    def waiting(self, sid: str) -> int:
        """How many packets the client has not taken yet."""
        client = self._client(sid)
        return 0 if client is None else client.queue.qsize()

    def has(self, sid: str) -> bool:
        """Whether the client is there."""
        return sid in self._requests

    def cut(self, sid: str) -> None:
        """Drop a client's connection and what waits for it."""
        if sid in self._requests and (transport := self._requests[sid].transport) is not None:
            transport.abort()

    def end(self, sid: str) -> None:
        """End a client's connection after what waits for it; its client makes another."""
        if sid in self._requests and (transport := self._requests[sid].transport) is not None:
            transport.close()

    def _client(self, sid: str) -> Any:
        """What engineio has of the client; one whose connection is closing may still be in rooms, and takes no more."""
        client = self._server.eio.sockets.get(self._server.manager.eio_sid_from_sid(sid, "/"))
        return None if client is None or client.closed else client

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        # Compression keeps a quarter of a MiB for each client; its offer is not answered.
        headers = request.headers.copy()
        headers.popall(hdrs.SEC_WEBSOCKET_EXTENSIONS, None)
        with self._seat():
            answer: web.StreamResponse = await self._server.handle_request(request.clone(headers=headers))
            return answer

    async def _connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> bool:
        # Where a browser cannot set headers, Socket.IO's own `auth` says the same.
        told = auth.get("token") if isinstance(auth, dict) else None
        header = environ.get("HTTP_AUTHORIZATION", "") or (f"Bearer {told}" if isinstance(told, str) else "")
        try:
            await self._admits(header)
        except ScraprError as error:
            raise Rejected(error.public) from error
        self._requests[sid] = environ["aiohttp.request"]
        bound_buffer(self._requests[sid])
        return True

    async def _disconnect(self, sid: str, reason: str) -> None:
        self._requests.pop(sid, None)
        if self._gone is not None:
            await self._gone(sid, reason)
