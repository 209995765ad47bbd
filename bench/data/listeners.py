"""Clients that only listen, as cheap as they can be: `python -m bench.data.listeners KIND URL COLLECTION COUNT`.

Each line of standard output is a JSON object: `{"ready": n}` once all listen, then for each change
`{"heard": n, "last": seconds}` of the monotonic clock, once all have heard of it. They run until standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import uvloop

AT_ONCE = 100
MASKED = b"\x81%c\0\0\0\0%s"
"""A text frame of a client up to 125 bytes, masked with zeros."""
PING, PONG = b"\x81\x012", b"\x81\x81\0\0\0\0" + b"3"


class Tally:
    """How many listen and have heard."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.listening = 0
        self.heard = 0

    def listen(self) -> None:
        """One more listens."""
        self.listening += 1
        if self.listening == self.count:
            tell({"ready": self.count})

    def hear(self) -> None:
        """One more has heard."""
        self.heard += 1
        if self.heard == self.count:
            tell({"heard": self.heard, "last": time.monotonic()})
            self.heard = 0


def tell(what: dict[str, Any]) -> None:
    """Print a line at once."""
    print(json.dumps(what), flush=True)


class Plain(asyncio.Protocol):
    """Listens to a bare connection: whatever comes is the change."""

    def __init__(self, tally: Tally, _url: str, _collection: str) -> None:
        self.tally = tally
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It listens."""
        self.transport = transport
        self.tally.listen()

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 - all that comes is the change
        """It has heard."""
        self.tally.hear()


class Sse(Plain):
    """Listens to server-sent events."""

    def __init__(self, tally: Tally, url: str, collection: str) -> None:
        super().__init__(tally, url, collection)
        path, host = f"/v1/collections/{collection}/changes", urlsplit(url).netloc
        self.ask = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n\r\n".encode()
        self.listens = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        self.transport = transport
        self.transport.write(self.ask)

    def data_received(self, data: bytes) -> None:
        """The opening, heartbeats, or a change."""
        if not self.listens and b"retry:" in data:
            self.listens = True
            self.tally.listen()
        if b"event: change" in data:
            self.tally.hear()


class SocketIo(Plain):
    """Listens over Socket.IO."""

    def __init__(self, tally: Tally, url: str, collection: str) -> None:
        super().__init__(tally, url, collection)
        self.ask = (
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        ).encode()
        self.join = f'420["join",{{"collection":"{collection}"}}]'.encode()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the websocket."""
        self.transport = transport
        self.transport.write(self.ask)

    def data_received(self, data: bytes) -> None:
        """The steps of the handshake, pings, or a change."""
        if b'0{"sid"' in data and b'40{"sid"' not in data:
            self._say(b"40")
        if b'40{"sid"' in data:
            self._say(self.join)
        if b"430[" in data:
            self.tally.listen()
        if PING in data:
            self.transport.write(PONG)
        if b'42["change"' in data:
            self.tally.hear()

    def _say(self, text: bytes) -> None:
        self.transport.write(MASKED % (0x80 | len(text), text))


KINDS: dict[str, Callable[[Tally, str, str], Plain]] = {"plain": Plain, "sse": Sse, "socketio": SocketIo}


async def listen(kind: str, url: str, collection: str, count: int) -> None:
    """Let `count` clients of a kind listen until standard input ends."""
    loop, tally, turns = asyncio.get_running_loop(), Tally(count), asyncio.Semaphore(AT_ONCE)
    host, _, port = urlsplit(url).netloc.partition(":")

    async def one() -> None:
        async with turns:
            await loop.create_connection(lambda: KINDS[kind](tally, url, collection), host, int(port))

    await asyncio.gather(*(one() for _ in range(count)))
    await loop.run_in_executor(None, sys.stdin.read)


def main() -> None:
    """Listen."""
    kind, url, collection, count = sys.argv[1:]
    uvloop.run(listen(kind, url, collection, int(count)))


if __name__ == "__main__":
    main()
