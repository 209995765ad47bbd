"""What a client of Socket.IO may say: python-socketio lets it call any handler, and logs what it cannot read."""

from __future__ import annotations

from typing import Any

import socketio
import structlog
from engineio.async_drivers.aiohttp import WebSocket
from socketio.packet import ACK, CONNECT, DISCONNECT, EVENT, Packet

log = structlog.get_logger()
KNOWN = frozenset({CONNECT, DISCONNECT, EVENT, ACK})
"""The types of packets that are answered; nothing here has attachments."""
FRAMES = frozenset("0123456")
"""What a frame of Engine.IO begins with."""
RESERVED = frozenset({"connect", "connect_error", "disconnect"})
"""Names that no client may give to an event (Socket.IO protocol 5): the server's own handlers have them."""


class NotSpoken(Exception):
    """A packet is none of a client's."""


class Spoken(Packet):  # type: ignore[misc]
    """A packet of a client's; an event has one argument, and what comes after it is passed over."""

    data: Any

    def decode(self, encoded_packet: Any) -> int:
        """Read a packet. Raises `NotSpoken`."""
        if not isinstance(encoded_packet, str):
            raise NotSpoken("it is no text")
        try:
            attachments: int = super().decode(encoded_packet)
        except (ValueError, TypeError) as error:
            raise NotSpoken(str(error)) from error
        if attachments or self.packet_type not in KNOWN:
            raise NotSpoken("its type is not known here")
        if self.packet_type == EVENT:
            self.data = _event(self.data)
        return 0


def _event(data: Any) -> list[Any]:
    if not isinstance(data, list) or not data or not isinstance(data[0], str) or data[0] in RESERVED:
        raise NotSpoken("it is no event of a client's")
    return data[:2]


class _Frames(WebSocket):  # type: ignore[misc]
    """A websocket that ends with a frame which is none of Engine.IO's: that would leave its connection half open."""

    async def wait(self) -> str:
        frame = await super().wait()
        if not isinstance(frame, str) or frame[:1] not in FRAMES:
            raise ConnectionAbortedError("This is no frame of Engine.IO")
        return frame


class Server(socketio.AsyncServer):  # type: ignore[misc]
    """A server that lets go of whoever does not speak Socket.IO."""

    def __init__(self, **options: Any) -> None:
        super().__init__(serializer=Spoken, **options)
        engine = self.eio
        engine._async = {**engine._async, "websocket": _Frames}  # noqa: SLF001 - it takes them from nowhere else

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            await super()._handle_eio_message(eio_sid, data)
        except NotSpoken as error:
            log.debug("no Socket.IO", reason=str(error))
            self._let_go(eio_sid)

    def _let_go(self, eio_sid: str) -> None:
        """End a connection at once, if it is there still: engineio's own goodbye would wait for the client to go."""
        environ = self.environ.get(eio_sid)
        if environ is not None and (transport := environ["aiohttp.request"].transport) is not None:
            transport.close()
