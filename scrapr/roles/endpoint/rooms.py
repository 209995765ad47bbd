"""Collections' changes over Socket.IO: a client joins with `{collection, since}`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Annotated, Any

import aiohttp
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from scrapr.model.change import VERSION_MOST
from scrapr.model.collection import Name
from scrapr.model.errors import NotFound, ScraprError, TooMany
from scrapr.model.problem import describe
from scrapr.model.validation import parse
from scrapr.roles.endpoint.audience import Audience, Listener
from scrapr.roles.endpoint.peers import Hearing, Peers
from scrapr.roles.endpoint.recent import Piece, Reset
from scrapr.roles.endpoint.service import Service
from scrapr.roles.endpoint.settings import EndpointSettings
from scrapr.web.auth import Guard
from scrapr.web.sockets import Sockets

JOINED_MOST = 100
"""Collections that one client may have joined."""


class Wish(BaseModel):
    """What a client sends with `join` or `leave`: the collection, and the version that it has; none: from now on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    collection: Name
    since: Annotated[int | None, Field(ge=0, le=VERSION_MOST)] = None


class _Seat:
    """A `Line` to one client of Socket.IO."""

    kind = "socketio"

    def __init__(self, sockets: Sockets, sid: str) -> None:
        self._sockets = sockets
        self._sid = sid

    @property
    def gone(self) -> bool:
        """Whether the client has left."""
        return not self._sockets.has(self._sid)

    async def tell(self, piece: Piece) -> None:
        """Send changes."""
        await self._sockets.send(self._sid, [each.message for each in piece.told])

    async def reset(self, collection: str, reset: Reset) -> None:
        """Send word that the collection must be reloaded."""
        await self._sockets.send(self._sid, [f'["reset",{reset.body(collection).decode()}]'])

    async def beat(self) -> None:
        """Nothing: Socket.IO has its own."""

    def cut(self) -> None:
        """Drop the connection."""
        self._sockets.cut(self._sid)


class Rooms:
    """The clients and what each has joined. A collection that a peer serves is listened to there in their place."""

    def __init__(
        self, service: Service, audience: Audience, peers: Peers, settings: EndpointSettings, guard: Guard
    ) -> None:
        self._service = service
        self._audience = audience
        self._peers = peers
        self._settings = settings
        self._joined: dict[str, dict[str, asyncio.Task[None]]] = {}
        self._sockets = Sockets(
            admits=partial(guard.admit, need="read"),
            seat=partial(audience.seat, _Seat.kind),
            join=self._join,
            leave=self._leave,
            disconnect=self._part,
        )

    def attach(self, app: web.Application, *, ping: float) -> None:  # noqa: ARG002 - roles hear each other more often
        """Serve the rooms from `app`."""
        self._sockets.attach(app, ping=self._settings.push_heartbeat)

    async def close(self) -> None:
        """Send everybody away."""
        await self._sockets.close()
        await self._peers.close()

    async def _join(self, sid: str, wish: Any = None) -> dict[str, Any]:
        """The acknowledgement: the version after which changes come, or the problem."""
        try:
            wanted = parse(Wish, wish)
            joined = self._joined.setdefault(sid, {})
            if len(joined.keys() | {wanted.collection}) > JOINED_MOST:
                raise TooMany(f"A client may join {JOINED_MOST} collections")
            work, version = await self._open(sid, wanted)
        except ScraprError as error:
            return {"problem": describe(error).model_dump()}
        self._stop(joined.pop(wanted.collection, None))
        # It begins after this function has ended, and so after the acknowledgement.
        joined[wanted.collection] = task = self._sockets.start(work)
        task.add_done_callback(partial(self._end, sid))
        return {"collection": wanted.collection, "version": version}

    async def _open(self, sid: str, wanted: Wish) -> tuple[Coroutine[Any, Any, None], int]:
        """The work of telling a client of a collection, and the version at which that begins."""
        name = wanted.collection
        mirrored = self._service.collections.get(name)
        if mirrored is None:
            peers = await self._peers.serving(name)
            if hearing := await self._peers.hear(peers, name, since=wanted.since):
                return self._relay(sid, hearing), hearing.version
            mirrored = await self._service.arrival(name)
        if mirrored is None:
            raise NotFound(f"There is no collection {name!r}")
        await mirrored.arrive(self._settings.wait)
        listener = Listener(mirrored, _Seat(self._sockets, sid), since=wanted.since)
        return self._audience.attend(listener), listener.version

    async def _relay(self, sid: str, hearing: Hearing) -> None:
        """Tell a client what a peer tells. One that lets us wait lets the peer wait, which then ends the stream."""
        async with hearing.answer:
            with suppress(OSError, aiohttp.ClientError, TimeoutError):
                async for event in hearing.events:
                    if event.data:
                        await self._sockets.send(sid, [f'["{event.name}",{event.data.decode()}]'])

    def _end(self, sid: str, task: asyncio.Task[None]) -> None:
        """What is no longer listened to ends the connection, unless the client wanted it so."""
        if not task.cancelled():
            self._sockets.end(sid)

    async def _leave(self, sid: str, wish: Any = None) -> dict[str, Any]:
        try:
            wanted = parse(Wish, wish)
        except ScraprError as error:
            return {"problem": describe(error).model_dump()}
        self._stop(self._joined.get(sid, {}).pop(wanted.collection, None))
        return {"collection": wanted.collection}

    async def _part(self, sid: str, _reason: str) -> None:
        for task in self._joined.pop(sid, {}).values():
            self._stop(task)

    def _stop(self, task: asyncio.Task[None] | None) -> None:
        if task is not None:
            task.cancel()
