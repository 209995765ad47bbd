"""One client of the zygote: a non-blocking socket that speaks lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapr.fleet import wire

if TYPE_CHECKING:
    import socket

UNREAD_LIMIT = 4 * wire.ANSWER_LIMIT
"""Bytes that may wait for a client that does not read; beyond, it is cut off."""


class Peer:
    """Gathers bytes into lines, and keeps what the client cannot take yet."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.alive = True
        self._received = bytearray()
        self._waiting = bytearray()

    @property
    def has_waiting(self) -> bool:
        """Whether bytes wait until the client reads."""
        return bool(self._waiting)

    def receive(self) -> list[bytes]:
        """The whole lines that have come; a client that left or sends no line ends is no longer alive."""
        try:
            data = self.connection.recv(1 << 16)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            self.alive = False
            return []
        self._received += data
        *lines, rest = self._received.split(b"\n")
        self._received = rest
        self.alive = len(rest) <= wire.LINE_LIMIT
        return [bytes(line) for line in lines]

    def send(self, line: bytes) -> None:
        """Send now what the client can take, and keep the rest."""
        self._waiting += line
        self.flush()
        if len(self._waiting) > UNREAD_LIMIT:
            self.alive = False

    def flush(self) -> None:
        """Send what waits, as far as the client takes it."""
        try:
            while self._waiting:
                del self._waiting[: self.connection.send(self._waiting)]
        except BlockingIOError:
            return
        except OSError:
            self.alive = False
