"""aiohttp's errors in our words; here alone they are known."""

from __future__ import annotations

import aiohttp
from aiohttp import http_exceptions
from yarl import URL

from scrapr.fetching.errors import Fault, FetchFailed, FetchRefused, FetchUnavailable
from scrapr.fetching.gate import AddressRefused

# The first kind that fits is the fault: the order is from the special to the general.
_KINDS: tuple[tuple[type[BaseException], Fault, str], ...] = (
    (aiohttp.ConnectionTimeoutError, "timeout", "no connection in time"),
    (aiohttp.SocketTimeoutError, "timeout", "the host fell silent"),
    (TimeoutError, "timeout", "the answer was not complete in time"),
    (aiohttp.ClientConnectorDNSError, "dns", "the name does not resolve"),
    (aiohttp.ClientConnectorCertificateError, "tls", "the certificate is not trusted"),
    (aiohttp.ClientSSLError, "tls", "the connection is not secure"),
    (aiohttp.ClientConnectorError, "connect", "no connection"),
    (http_exceptions.LineTooLong, "headers", "the answer has a header that is too long"),
    (http_exceptions.ContentEncodingError, "decompression", "the body does not decompress"),
    (http_exceptions.ContentLengthError, "disconnected", "the body ended early"),
    (http_exceptions.TransferEncodingError, "disconnected", "the body ended early or is framed wrongly"),
    (aiohttp.ClientPayloadError, "disconnected", "the body broke off"),
    (aiohttp.ClientConnectionError, "disconnected", "the connection broke"),
    (OSError, "disconnected", "the connection broke"),
)
_PARSED = frozenset(kind for kind, _, _ in _KINDS if issubclass(kind, http_exceptions.HttpProcessingError))
_TOO_MANY_HEADERS = "Too many"


def translate(error: BaseException, url: URL) -> FetchFailed:
    """The failure that an error of aiohttp or the socket means; `url` is the one that was asked."""
    if isinstance(error, FetchFailed):
        return error
    refused = getattr(error, "os_error", None)
    if isinstance(refused, AddressRefused):
        return FetchRefused(refused.refusal.reason, refused.refusal.why, url=str(url))
    if isinstance(error, (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)):
        return FetchRefused("refused-url", f"is no URL: {error}", url=str(url))
    reason, detail = _fault(error)
    return FetchUnavailable(reason, detail, url=str(url))


def _fault(error: BaseException) -> tuple[Fault, str]:
    seen = _parser_error(error) or error
    for kind, fault, words in _KINDS:
        if isinstance(seen, kind):
            return fault, f"{words}: {_line(seen)}" if _line(seen) else words
    if isinstance(error, aiohttp.ClientResponseError) and _TOO_MANY_HEADERS in error.message:
        return "headers", "the answer has too many headers"
    return "protocol", f"the answer cannot be read: {_line(error)}"


def _parser_error(error: BaseException) -> BaseException | None:
    """What the parser found, which comes wrapped in errors of the client that say less."""
    seen = error.__cause__
    while isinstance(seen, (http_exceptions.HttpProcessingError, aiohttp.ClientPayloadError)):
        if type(seen) in _PARSED:
            return seen
        seen = seen.__cause__
    return None


def _line(error: BaseException) -> str:
    """The first line of an error's text, which may quote what a host sent."""
    text = error.message if isinstance(error, aiohttp.ClientResponseError) else str(error)
    return "".join(c if c.isprintable() else " " for c in text.strip().partition("\n")[0][:200])
