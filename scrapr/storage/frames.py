"""Pieces of several collections in one stream: before each its collection and length, at the end what all came to."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import orjson

from scrapr.model.backup import Part, Parts
from scrapr.model.errors import Damaged
from scrapr.model.validation import parse

HEAD_MOST = 65_536
PIECE_MOST = 64 * 2**20
"""Bytes of a piece at most: MongoDB's answers have 16 MB, and a document more."""


@dataclass
class Tally:
    """Counts what goes through one file or collection."""

    documents: int = 0
    size: int = 0
    expired: int = 0
    _hash: Any = field(default_factory=sha256)

    def add(self, piece: bytes) -> None:
        """Count a piece of whole documents."""
        self.documents += sum(1 for _ in split(piece))
        self.size += len(piece)
        self._hash.update(piece)

    @property
    def part(self) -> Part:
        """What it came to."""
        return Part(
            documents=self.documents, bytes=self.size, sha256=self._hash.hexdigest(), expired=self.expired
        )


def whole(held: bytes) -> int:
    """How many bytes of `held` are whole documents. Raises `Damaged` for what is none."""
    place = 0
    while place + 4 <= len(held):
        (length,) = struct.unpack_from("<i", held, place)
        if not 5 <= length <= PIECE_MOST:
            raise Damaged("A piece of the backup does not consist of documents")
        if place + length > len(held):
            break
        place += length
    return place


def split(piece: bytes) -> Iterator[bytes]:
    """The BSON documents of a piece. Raises `Damaged` where it is none of whole documents."""
    if whole(piece) < len(piece):
        raise Damaged("A piece of the backup does not consist of whole documents")
    place = 0
    while place < len(piece):
        (length,) = struct.unpack_from("<i", piece, place)
        yield piece[place : place + length]
        place += length


def frame(collection: str, piece: bytes) -> bytes:
    """A piece as it goes through the stream."""
    return orjson.dumps([collection, len(piece)]) + b"\n" + piece


def last(parts: Parts) -> bytes:
    """The end of a stream."""
    return parts.model_dump_json().encode() + b"\n"


async def read(stream: AsyncIterator[bytes]) -> AsyncIterator[tuple[str, bytes] | Parts]:
    """The pieces of a stream, then what they came to. Raises `Damaged` if it ends before."""
    buffer = _Buffer(stream)
    while True:
        try:
            head = orjson.loads(await buffer.line())
        except orjson.JSONDecodeError as error:
            raise Damaged("The stream of the backup cannot be read") from error
        if isinstance(head, dict):
            yield parse(Parts, head)
            return
        collection, length = head if isinstance(head, list) and len(head) == 2 else (None, None)
        if not isinstance(collection, str) or type(length) is not int or not 0 < length <= PIECE_MOST:
            raise Damaged("The stream of the backup cannot be read")
        yield collection, await buffer.take(length)


class _Buffer:
    def __init__(self, stream: AsyncIterator[bytes]) -> None:
        self._stream = stream
        self._held = bytearray()

    async def line(self) -> bytes:
        while (end := self._held.find(b"\n")) < 0:
            if len(self._held) > HEAD_MOST:
                raise Damaged("The stream of the backup cannot be read")
            await self._more()
        return (await self.take(end + 1))[:-1]

    async def take(self, length: int) -> bytes:
        while len(self._held) < length:
            await self._more()
        taken = bytes(self._held[:length])
        del self._held[:length]
        return taken

    async def _more(self) -> None:
        try:
            self._held += await anext(self._stream)
        except StopAsyncIteration:
            raise Damaged("The stream of the backup ends too early") from None
