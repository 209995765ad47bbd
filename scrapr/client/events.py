"""Server-sent events, read as a browser reads them (WHATWG HTML, 9.2.6)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp

MEDIA_TYPE = "text/event-stream"
LINE_MOST = 16 * 2**20
"""Bytes of a line at most."""


@dataclass(frozen=True)
class Event:
    """One event. `id` is the last that was told, by it or before it; without `data` it only tells that, or `retry`."""

    name: str
    data: bytes
    id: str
    retry: int | None = None
    """Milliseconds after which to come again once the stream ends, where the event says so."""


@dataclass
class Reader:
    """Gathers the lines of events."""

    id: str = ""
    retry: int | None = None
    _name: str = ""
    _data: list[bytes] = field(default_factory=list)
    _said: bool = False

    def take(self, line: bytes) -> Event | None:
        """The event that `line` ends, or None."""
        if line:
            self._note(line)
            return None
        if not self._said:
            return None
        event = Event(self._name or "message", b"\n".join(self._data), self.id, self.retry)
        self._name, self._data, self._said, self.retry = "", [], False, None
        return event

    def _note(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"":
                return
            case b"event":
                self._name = value.decode()
            case b"data":
                self._data.append(value)
            case b"id" if b"\0" not in value:
                self.id = value.decode()
            case b"retry" if value.isdigit():
                self.retry = int(value)
        self._said = True


async def read(stream: aiohttp.StreamReader) -> AsyncIterator[Event]:
    """The events of a body, until it ends."""
    reader = Reader()
    rest = b""
    async for some in stream.iter_any():
        *lines, rest = (rest + some).split(b"\n")
        if len(rest) > LINE_MOST:
            raise aiohttp.ClientPayloadError(f"A line of the stream has more than {LINE_MOST} bytes")
        for line in lines:
            if (event := reader.take(line.removesuffix(b"\r"))) is not None:
                yield event
