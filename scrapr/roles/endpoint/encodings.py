"""How answers are compressed: what a client takes, and what is worth it."""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SMALL = 1000
"""Bytes up to which an answer is sent as it is: it fits into one packet."""
PART = re.compile(r"\s*([a-z0-9*-]+)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?))?\s*", re.IGNORECASE)
GZIP_LEVEL, BROTLI_LEVEL, ZSTD_LEVEL = 6, 4, 3
"""Where more effort gains little; all of them are quick enough to answer with."""
GZIP_WINDOW = 16 + zlib.MAX_WBITS


@lru_cache(maxsize=512)
def choose(accepted: str) -> str:
    """The best encoding that an `Accept-Encoding` header takes (RFC 9110, 12.5.3); empty for none."""
    wishes: dict[str, float] = {}
    for part in accepted[:1000].split(","):
        if found := PART.fullmatch(part):
            wishes[found[1].lower()] = float(found[2] or 1)
    rest = wishes.get("*", 0.0)
    best = max(ENCODERS, key=lambda each: wishes.get(each, rest))
    return best if wishes.get(best, rest) > 0 else ""


class Encoder(Protocol):
    """Compresses a stream."""

    def write(self, piece: bytes) -> bytes:
        """What can be sent after this piece."""

    def end(self) -> bytes:
        """The rest."""


class _Gzip:
    def __init__(self) -> None:
        self._stream = zlib.compressobj(GZIP_LEVEL, wbits=GZIP_WINDOW)

    def write(self, piece: bytes) -> bytes:
        return self._stream.compress(piece)

    def end(self) -> bytes:
        return self._stream.flush()


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Compressor(quality=BROTLI_LEVEL)

    def write(self, piece: bytes) -> bytes:
        return bytes(self._stream.process(piece))

    def end(self) -> bytes:
        return bytes(self._stream.finish())


class _Zstd:
    def __init__(self) -> None:
        self._stream = zstd.ZstdCompressor(level=ZSTD_LEVEL)

    def write(self, piece: bytes) -> bytes:
        return self._stream.compress(piece)

    def end(self) -> bytes:
        return self._stream.flush()


class _Plain:
    def write(self, piece: bytes) -> bytes:
        return piece

    def end(self) -> bytes:
        return b""


ENCODERS: dict[str, Callable[[], Encoder]] = {"zstd": _Zstd, "br": _Brotli, "gzip": _Gzip}
"""The first is taken where a client likes several alike: it is the quickest, and no larger than the others."""


def encoder(encoding: str) -> Encoder:
    """A new encoder; one that changes nothing for no encoding."""
    return ENCODERS.get(encoding, _Plain)()


def encode(body: bytes, encoding: str) -> bytes:
    """A whole body."""
    stream = encoder(encoding)
    return stream.write(body) + stream.end()
