"""A lasting connection to a role's rooms: news come as hints, and every reconnection is one, too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import aiohttp
import socketio
import structlog

from scrapr.client.transport import Locate
from scrapr.model import problem
from scrapr.model.errors import Unavailable
from scrapr.runtime import backoff
from scrapr.runtime.trigger import Trigger

log = structlog.get_logger()
TIMEOUT = 5.0
FAREWELL = 0.5
"""Seconds for a peer to take leave; one that is frozen would hold up the end of this process."""
LOOK = 10.0
"""Seconds between two looks at a connection whose end was not told."""


def _nothing() -> None:
    return None


class Feed:
    """Socket.IO (websocket transport) to one role.

    After each connection `connected` joins its rooms anew; `lost` is called when one ends.
    """

    def __init__(
        self,
        locate: Locate,
        *,
        token: str,
        connected: Callable[[], Awaitable[None]],
        told: Callable[[str, Any], Awaitable[None]],
        lost: Callable[[], None] = _nothing,
    ) -> None:
        self._locate = locate
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._connected = connected
        self._told = told
        self._lost = lost
        self._client = socketio.AsyncClient(handle_sigint=False)
        self._over = False
        self._end = Trigger()

    async def run(self) -> None:
        """Stay connected until cancelled; the peer is looked up again each time."""
        failures = 0
        while True:
            try:
                async with aiohttp.ClientSession() as session:
                    self._open(session)
                    await self._connect()
                    failures = 0
                    await self._stay()
            except (Unavailable, socketio.exceptions.SocketIOError, TimeoutError, OSError) as error:
                failures += 1
                log.debug("feed lost", reason=str(error), failures=failures)
            await asyncio.sleep(backoff.delay(max(1, failures), most=2.0))

    def _open(self, session: aiohttp.ClientSession) -> None:
        """A client for each connection: one whose farewell was cut short cannot connect again."""
        self._over = False
        self._client = socketio.AsyncClient(reconnection=False, handle_sigint=False, http_session=session)
        self._client.on("*", self._told)
        self._client.on("disconnect", self._hear_end)

    async def _stay(self) -> None:
        # The client's own `wait` would pass a cancellation on to its tasks, and one of them may keep it.
        try:
            await self._connected()
            while not self._over and self._client.eio.state == "connected":
                await self._end.wait(timeout=LOOK)
        finally:
            self._lost()
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL):
                    await self._client.disconnect()

    async def _hear_end(self, *_: Any) -> None:
        self._over = True
        self._end.pull()

    async def _connect(self) -> None:
        url = await self._locate()
        await self._client.connect(url, headers=self._headers, transports=["websocket"], wait_timeout=TIMEOUT)

    async def join(self, wish: dict[str, Any]) -> dict[str, Any]:
        """Join the room that `wish` describes; the reply says where it is now. Raises what the peer refuses."""
        try:
            reply: dict[str, Any] = await self._client.call("join", wish, timeout=TIMEOUT)
        except (socketio.exceptions.SocketIOError, TimeoutError) as error:
            raise Unavailable(f"The feed does not answer: {error}") from error
        if "problem" in reply:
            raise problem.revive(reply["problem"]["status"], reply["problem"])
        return reply
