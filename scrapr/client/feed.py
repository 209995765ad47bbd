"""A lasting connection to a role's rooms: news come as hints, and every reconnection is one, too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import socketio
import structlog

from scrapr.client.transport import Locate
from scrapr.model import problem
from scrapr.model.errors import Unavailable
from scrapr.runtime import backoff

log = structlog.get_logger()
TIMEOUT = 5.0


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
        self._lost = lost
        self._client = socketio.AsyncClient(reconnection=False, logger=False, handle_sigint=False)
        self._client.on("*", told)

    async def run(self) -> None:
        """Stay connected until cancelled; the peer is looked up again each time."""
        failures = 0
        while True:
            try:
                await self._connect()
                failures = 0
                await self._stay()
            except (Unavailable, socketio.exceptions.SocketIOError, TimeoutError, OSError) as error:
                failures += 1
                log.debug("feed lost", reason=str(error), failures=failures)
            finally:
                await self._client.disconnect()
            await asyncio.sleep(backoff.delay(max(1, failures), most=2.0))

    async def _stay(self) -> None:
        try:
            await self._connected()
            await self._client.wait()
        finally:
            self._lost()

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
