"""Rooms over Socket.IO: whoever joins is told of news as it happens.

What is pushed is a hint. Whoever joins says what it has, and is told how far behind it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import orjson
import structlog
from aiohttp import web

from scrapr.model.errors import ScraprError, Unauthorized
from scrapr.model.problem import describe
from scrapr.web.access import bearer
from scrapr.web.auth import is_same
from scrapr.web.sockets import Sockets

log = structlog.get_logger()
WAITING_MOST = 256
"""Packets that may wait for a peer; one that takes none is cut off, and asks for what it missed when it is back."""


class Push:
    """The rooms of a role.

    A client emits `join` with an object; `admit` says which room that is, or refuses it. The acknowledgement is
    `admit`'s reply, or `{"problem": …}`. The newcomer is in the room before `admit` looks how far the room is, so
    that nothing falls between.
    """

    def __init__(
        self, *, room_of: Callable[[Any], str], admit: Callable[[Any], Awaitable[dict[str, Any]]], token: str
    ) -> None:
        self._sockets = Sockets(admits=partial(_admit_peers, token), join=self._join)
        self._room_of = room_of
        self._admit = admit

    def attach(self, app: web.Application, *, ping: float) -> None:
        """Serve the rooms from `app`."""
        self._sockets.attach(app, ping=ping)

    async def close(self) -> None:
        """Send everybody away."""
        await self._sockets.close()

    def dismiss(self) -> None:
        """End all connections: whoever listens must know that nothing would be told here, and may ask elsewhere."""
        self._sockets.end_all()

    async def emit(self, room: str, event: str, payload: Any) -> None:
        """Tell everybody in `room`."""
        message = orjson.dumps([event, payload]).decode()
        for sid in self._sockets.room(room):
            if self._sockets.waiting(sid) > WAITING_MOST:
                log.warning("slow peer cut off", room=room)
                self._sockets.cut(sid)
            else:
                await self._sockets.put(sid, message)

    async def _join(self, sid: str, wish: Any = None) -> dict[str, Any]:
        try:
            await self._sockets.enter(sid, self._room_of(wish))
            return await self._admit(wish)
        except ScraprError as error:
            return {"problem": describe(error).model_dump()}


async def _admit_peers(token: str, header: str) -> None:
    """Between roles their own token counts alone."""
    if token and not is_same(bearer(header), token):
        raise Unauthorized("This needs the roles' token")
