"""One request on the wire, and where a redirect leads."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr
from yarl import URL

from scrapr.fetching.errors import FetchRefused, FetchUnavailable
from scrapr.fetching.page import Request, Text, Validators, shown
from scrapr.fetching.settings import FetchSettings
from scrapr.fetching.target import parse_target
from scrapr.model.asking import FRAMING, is_header_name, is_header_value

METHODS = ("GET", "HEAD", "POST")
REDIRECTS = frozenset({301, 302, 303, 307, 308})

# What may follow a redirect to another origin: nothing that a user could have put a secret into.
_HARMLESS = frozenset({"accept", "accept-language", "if-modified-since", "if-none-match", "user-agent"})

_BYTE = re.compile("[\udc80-\udcff]")
"""As a header's bytes come that are not UTF-8."""

_ACCEPT = {
    "html": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.5",
    "any": "*/*",
}


@dataclass(frozen=True, slots=True, repr=False)
class Hop:
    """One HTTP request of a fetch. `outside`: a redirect from https led here, so the address must be public."""

    url: URL
    method: str
    headers: Mapping[str, str]
    body: bytes | None = None
    outside: bool = False
    taken: int = 0
    """How many redirects led here."""

    def __repr__(self) -> str:
        return f"<Hop {self.taken}: {self.method} {shown(self.url)}>"


def first_hop(request: Request, settings: FetchSettings) -> Hop:
    """The request as it is sent first; raises `FetchRefused` ("refused-url", "refused-request")."""
    url = parse_target(request.url)
    if request.method not in METHODS:
        raise _refuse(url, f"the method is {request.method[:20]!r}; allowed: {', '.join(METHODS)}")
    headers = {"User-Agent": settings.agent, "Accept": _ACCEPT[request.expect]}
    if request.validators is not None:
        headers |= conditions(request.validators)
    if request.headers or request.cookies or request.auth or url.user is not None or url.password is not None:
        headers = _merge(headers, _private_headers(request, url))
        url = url.with_user(None)
    return Hop(url=url, method=request.method, headers=headers, body=request.body)


def conditions(validators: Validators) -> dict[str, str]:
    """The headers that let a host answer 304 (RFC 9110, section 13.1)."""
    pairs = (("If-None-Match", validators.etag), ("If-Modified-Since", validators.last_modified))
    return {name: value for name, value in pairs if value and is_header_value(value)}


def is_conditional(hop: Hop) -> bool:
    """Whether the host was asked for a change alone, so that it may answer 304."""
    return any(name.lower() in ("if-none-match", "if-modified-since") for name in hop.headers)


def follow(hop: Hop, status: int, location: str | None, *, limit: int) -> Hop:
    """The hop that a redirect asks for.

    Secrets stay with their origin; a body is not carried to another origin; from https on, another origin
    must be public. Raises `FetchUnavailable` ("redirects") or `FetchRefused` ("refused-url").
    Source: RFC 9110, section 15.4, and the Fetch standard's HTTP-redirect fetch.
    """
    if not location:
        raise _stuck(hop, f"status {status} names no location", status)
    if hop.taken >= limit:
        raise _stuck(hop, f"more than {limit} redirects", status)
    try:
        joined = hop.url.join(URL(_escape(location[:10_000])))
    except ValueError as error:
        raise _stuck(hop, f"redirects to no URL: {error}", status) from error
    url = parse_target(joined).with_user(None)
    same = url.origin() == hop.url.origin()
    as_get = hop.method != "HEAD" and (status == 303 or (status in (301, 302) and hop.method == "POST"))
    if hop.body is not None and not as_get and not same:
        raise _stuck(hop, f"status {status} asks to send the body to another origin", status)
    return Hop(
        url=url,
        method="GET" if as_get else hop.method,
        headers=_kept(hop.headers, same=same, as_get=as_get),
        body=None if as_get else hop.body,
        outside=hop.outside or (hop.url.scheme == "https" and not same),
        taken=hop.taken + 1,
    )


def _escape(location: str) -> str:
    """The location with bytes that are not UTF-8 escaped, as browsers do; a URL would leave them out."""
    return _BYTE.sub(lambda byte: f"%{ord(byte[0]) - 0xDC00:02X}", location)


def _kept(headers: Mapping[str, str], *, same: bool, as_get: bool) -> Mapping[str, str]:
    kept = headers if same else {n: v for n, v in headers.items() if n.lower() in _HARMLESS}
    return {n: v for n, v in kept.items() if n.lower() != "content-type"} if as_get else kept


def _private_headers(request: Request, url: URL) -> dict[str, str]:
    headers = {name: reveal(value) for name, value in request.headers.items()}
    for name, value in headers.items():
        if not is_header_name(name) or name.lower() in FRAMING:
            raise _refuse(url, f"the header {name[:100]!r} cannot be set")
        if not is_header_value(value):
            raise _refuse(url, f"the value of the header {name!r} has characters that no header may have")
    if request.cookies:
        headers["Cookie"] = "; ".join(_cookie(url, name, reveal(v)) for name, v in request.cookies.items())
    user, password = request.auth or (url.user, url.password or "")
    if user is not None:
        pair = f"{user}:{reveal(password)}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    return headers


def _merge(defaults: dict[str, str], given: dict[str, str]) -> dict[str, str]:
    named = {name.lower() for name in given}
    return {name: value for name, value in defaults.items() if name.lower() not in named} | given


def _cookie(url: URL, name: str, value: str) -> str:
    if not is_header_name(name) or not is_header_value(value) or ";" in value:
        raise _refuse(url, f"the cookie {name[:100]!r} has characters that no cookie may have")
    return f"{name}={value}"


def reveal(value: Text) -> str:
    """The text of a value that may be secret."""
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _refuse(url: URL, problem: str) -> FetchRefused:
    return FetchRefused("refused-request", problem, url=shown(url))


def _stuck(hop: Hop, problem: str, status: int) -> FetchUnavailable:
    return FetchUnavailable("redirects", problem, url=shown(hop.url), status=status)
