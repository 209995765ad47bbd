"""From an answer to the page that it is."""

from __future__ import annotations

import asyncio
import gzip
import io
import zlib
from codecs import BOM_UTF8
from collections.abc import Mapping

from xxhash import xxh3_128_hexdigest

from scrapr.fetching import charset
from scrapr.fetching.errors import FetchUnavailable
from scrapr.fetching.page import Page, Request, Validators
from scrapr.fetching.transfer import Answer, media_type

IN_THREAD = 262_144
"""Bytes from which a body is hashed and decoded in a thread, so that the event loop goes on."""

_GZIP_TYPES = frozenset({"application/gzip", "application/x-gzip", "application/octet-stream"})
_GZIP_MAGIC = b"\x1f\x8b\x08"


async def read_page(
    answer: Answer, request: Request, *, limit: int, seconds: float, retries: int, waited: Mapping[str, float]
) -> Page:
    """The page of a successful or 304 answer; a file of gzip (a sitemap) is unpacked, to `limit` bytes at most.

    Raises `FetchUnavailable` ("too-large", "decompression").
    """
    known = request.validators or Validators()
    content_type = answer.headers.get("Content-Type", "")
    if answer.status == 304:
        text, name, validators, unchanged = "", "", _renewed(known, answer, known.body_hash), True
        encoded = None
    else:
        work = (answer, content_type, known.body_hash, limit)
        if len(answer.body) < IN_THREAD and not _is_gzip(answer, content_type):
            text, name, digest = _read(*work)
        else:
            text, name, digest = await asyncio.to_thread(_read, *work)
        validators, unchanged = _renewed(Validators(), answer, digest), digest == known.body_hash
        encoded = answer.body if name == "utf-8" and _is_plain(answer.body, text) else None
    return Page(
        url=str(answer.url),
        status=answer.status,
        text=text,
        charset=name,
        content_type=media_type(content_type),
        validators=validators,
        unchanged=unchanged,
        size=answer.size,
        seconds=seconds,
        retries=retries,
        waited=waited,
        encoded=encoded,
    )


def _is_plain(body: bytes, text: str) -> bool:
    """Whether a body is its text, nothing replaced and no mark before it; two of a long one would be too many."""
    return len(body) < IN_THREAD and not body.startswith((BOM_UTF8, _GZIP_MAGIC)) and "\ufffd" not in text


def _renewed(known: Validators, answer: Answer, digest: str | None) -> Validators:
    return Validators(
        etag=_told(answer, "ETag") or known.etag,
        last_modified=_told(answer, "Last-Modified") or known.last_modified,
        body_hash=digest,
    )


def _told(answer: Answer, name: str) -> str | None:
    """A header that can be stored and sent back; None for one with bytes that are no text."""
    value = answer.headers.get(name)
    return value if value is not None and value.isprintable() else None


def _read(answer: Answer, content_type: str, known: str | None, limit: int) -> tuple[str, str, str]:
    """Text, charset and hash; no text if the hash is the known one."""
    digest = xxh3_128_hexdigest(answer.body)
    if digest == known:
        return "", "", digest
    body = _unpack(answer, limit) if _is_gzip(answer, content_type) else answer.body
    return *charset.decode(body, content_type), digest


def digest(text: str) -> str:
    """The hash of a text that was no body."""
    return xxh3_128_hexdigest(text.encode(errors="surrogatepass"))


def _is_gzip(answer: Answer, content_type: str) -> bool:
    return answer.body.startswith(_GZIP_MAGIC) and media_type(content_type) in _GZIP_TYPES


def _unpack(answer: Answer, limit: int) -> bytes:
    try:
        # All members, which follow each other.
        with gzip.GzipFile(fileobj=io.BytesIO(answer.body)) as file:
            body = file.read(limit + 1)
    except EOFError as error:
        raise FetchUnavailable("decompression", "the file ends early", url=str(answer.url)) from error
    except (OSError, zlib.error) as error:
        raise FetchUnavailable("decompression", "the file does not unpack", url=str(answer.url)) from error
    if len(body) > limit:
        raise FetchUnavailable("too-large", f"the unpacked file is over {limit} bytes", url=str(answer.url))
    return body
