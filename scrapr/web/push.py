"""Rooms over Socket.IO: whoever joins is told of news as it happens.

What is pushed is a hint. Whoever joins says what it has, and is told how far behind it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import socketio
import structlog
from aiohttp import web

from scrapr.model.errors import ScraprError
from scrapr.model.problem import describe
from scrapr.web.auth import carries

log = structlog.get_logger()


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


class Push:
    """A Socket.IO server (websocket transport) at `/socket.io/`.

    A client emits `join` with an object; `admit` says which room that is, or refuses it. The acknowledgement is
    `admit`'s reply, or `{"problem": …}`. The newcomer is in the room before `admit` looks how far the room is, so
    that nothing falls between.
    """

    def __init__(
        self, *, room_of: Callable[[Any], str], admit: Callable[[Any], Awaitable[dict[str, Any]]], token: str
    ) -> None:
        self._server = socketio.AsyncServer(
            async_mode="aiohttp", transports=["websocket"], json=Json, cors_allowed_origins=[], logger=False
        )
        self._room_of = room_of
        self._admit = admit
        self._token = token
        self._server.on("connect", self._connect)
        self._server.on("join", self._join)

    def attach(self, app: web.Application) -> None:
        """Serve the rooms from `app`."""
        self._server.attach(app)

    async def close(self) -> None:
        """Send everybody away."""
        await self._server.shutdown()

    async def emit(self, room: str, event: str, payload: Any) -> None:
        """Tell everybody in `room`."""
        await self._server.emit(event, payload, room=room)

    async def _connect(self, _sid: str, environ: dict[str, Any]) -> bool:
        return not self._token or carries(environ.get("HTTP_AUTHORIZATION", ""), self._token)

    async def _join(self, sid: str, wish: Any = None) -> dict[str, Any]:
        try:
            await self._server.enter_room(sid, self._room_of(wish))
            return await self._admit(wish)
        except ScraprError as error:
            return {"problem": describe(error).model_dump()}
