"""One request and its answer over aiohttp, within limits of time and size."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from scrapr.fetching import faults
from scrapr.fetching.errors import FetchUnavailable
from scrapr.fetching.hop import REDIRECTS, Hop
from scrapr.fetching.page import Expect

# A short body is read though nobody wants it, because that keeps the connection for the next request.
DRAIN_LIMIT = 65_536

_DECODED = frozenset({"", "identity", "gzip", "deflate", "br", "zstd"})
_HTML = frozenset({"", "application/xml", "application/xhtml+xml"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host answered to one hop; `size` is the body's on the wire, `truncated` that more would follow."""

    url: URL
    status: int
    headers: Mapping[str, str]
    body: bytes
    size: int
    seconds: float
    truncated: bool = False


async def transfer(
    session: aiohttp.ClientSession,
    hop: Hop,
    *,
    within: float,
    body_limit: int,
    expect: Expect = "any",
    truncate: bool = False,
) -> Answer:
    """Send the hop and read the answer; the body of one that is not a success is dropped.

    `within` is the seconds that all of it may take. A body over `body_limit` bytes after decompression fails
    ("too-large"), or is cut with `truncate`. Raises `FetchUnavailable` and `FetchRefused`.
    """
    started = time.perf_counter()
    try:
        async with session.request(
            hop.method,
            hop.url,
            headers=hop.headers,
            data=hop.body,
            allow_redirects=False,
            timeout=_timeout(session.timeout, within),
        ) as response:
            if response.status in REDIRECTS or response.status >= 300:
                await _drain(response)
                body, truncated = b"", False
            else:
                _check(hop, response, expect)
                body, truncated = await _read(hop, response, body_limit, truncate=truncate)
            return Answer(
                url=hop.url,
                status=response.status,
                headers=response.headers,
                body=body,
                size=_wire_size(response) or len(body),
                seconds=time.perf_counter() - started,
                truncated=truncated,
            )
    except (aiohttp.ClientError, OSError, ValueError) as error:  # a TimeoutError is an OSError
        raise faults.translate(error, hop.url) from error


def _timeout(usual: aiohttp.ClientTimeout, total: float) -> aiohttp.ClientTimeout:
    if usual.total == total:
        return usual
    return aiohttp.ClientTimeout(total=total, sock_connect=usual.sock_connect, sock_read=usual.sock_read)


def _check(hop: Hop, response: aiohttp.ClientResponse, expect: Expect) -> None:
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    if coding not in _DECODED:
        raise FetchUnavailable(
            "decompression",
            f"the content coding {coding[:80]!r} was not asked for",
            url=str(hop.url),
            status=response.status,
        )
    kind = media_type(response.headers.get("Content-Type"))
    if expect == "html" and not (kind in _HTML or kind.startswith("text/") or kind.endswith("+xml")):
        raise FetchUnavailable(
            "not-html",
            f"the content type is {kind[:80]!r}, not HTML",
            url=str(hop.url),
            status=response.status,
        )


def media_type(content_type: str | None) -> str:
    """The type and subtype of a Content-Type header, in lower case; empty without one."""
    return (content_type or "").partition(";")[0].strip().lower()


async def _read(
    hop: Hop, response: aiohttp.ClientResponse, limit: int, *, truncate: bool
) -> tuple[bytes, bool]:
    announced = response.content_length
    if announced is not None and announced > limit and not truncate:
        raise _too_large(hop, response, limit)
    parts, total = [], 0
    while part := await response.content.readany():
        parts.append(part)
        total += len(part)
        if total > limit:
            response.close()
            if truncate:
                return b"".join(parts)[:limit], True
            raise _too_large(hop, response, limit)
    return parts[0] if len(parts) == 1 else b"".join(parts), False


def _too_large(hop: Hop, response: aiohttp.ClientResponse, limit: int) -> FetchUnavailable:
    response.close()
    wire = _wire_size(response)
    how = f" (expanded from {wire} bytes)" if wire else ""
    return FetchUnavailable(
        "too-large", f"the body is longer than {limit} bytes{how}", url=str(hop.url), status=response.status
    )


def _wire_size(response: aiohttp.ClientResponse) -> int:
    """The bytes of a compressed body that came so far; 0 for one that is plain or empty."""
    return getattr(response.content, "total_compressed_bytes", None) or 0


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read the rest if it is short; whatever is wrong with it only costs the connection."""
    left = DRAIN_LIMIT
    try:
        while left > 0 and (part := await response.content.readany()):
            left -= len(part)
    except (aiohttp.ClientError, OSError):
        left = 0
    if left <= 0:
        response.close()
