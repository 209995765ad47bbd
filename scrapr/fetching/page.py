"""What is asked of the web, and what comes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from pydantic import SecretStr
from yarl import URL

from scrapr.model.fetch import FetchOptions

Text: TypeAlias = str | SecretStr
"""A value that may be secret; it leaves the process only within the request."""

Expect: TypeAlias = Literal["html", "any"]

Lacks: TypeAlias = Callable[["Page"], Awaitable[bool]]
"""Whether a page lacks what is looked for."""


@dataclass(frozen=True, slots=True)
class Validators:
    """What tells that a page did not change: ETag, Last-Modified, and the body's XXH3 (128 bits, in hex)."""

    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """One page to fetch.

    `expect` is "html" (anything that a browser would read as a document) or "any". `headers`, `cookies` and
    `auth` (user, password) may hold secrets: none of their values, nor the body's, is shown in a log or repr,
    and none is sent to another origin after a redirect. `options` change the settings for this request,
    and say what is sent with it, if it goes to the origin of the configuration's `source`.
    `lacks` tells whether a page needs its scripts to be run, where `options.render` is "auto".
    """

    url: str
    method: str = "GET"
    headers: Mapping[str, Text] = field(default_factory=dict)
    body: bytes | None = None
    validators: Validators | None = None
    expect: Expect = "html"
    cookies: Mapping[str, Text] = field(default_factory=dict)
    auth: tuple[str, Text] | None = None
    options: FetchOptions | None = None
    source: str | None = None
    lacks: Lacks | None = None

    def __repr__(self) -> str:
        parts = [f"{self.method} {shown(self.url)}"]
        parts += [f"{name}: ***" for name in self.headers]
        parts += [f"cookie {name}" for name in self.cookies]
        parts += ["auth"] if self.auth else []
        parts += [f"{len(self.body)} bytes"] if self.body is not None else []
        return f"<Request {', '.join(parts)}>"


@dataclass(frozen=True, slots=True)
class Page:
    """A page that was fetched.

    `unchanged`: the host said 304, or the body is the same as last time; `text` is then empty. `size` is the
    number of bytes of the body on the wire, `seconds` the time with the host without any waits, `waited` what
    slowed the request, in seconds: "concurrency", "pace", "adaptive", "crawl_delay", "hold", "retry_after",
    "backoff".
    """

    url: str
    status: int
    text: str = field(repr=False)
    charset: str
    content_type: str
    validators: Validators
    unchanged: bool
    size: int
    seconds: float
    retries: int = 0
    waited: Mapping[str, float] = field(default_factory=dict)
    encoded: bytes | None = field(default=None, repr=False)
    """The text in UTF-8, where a short page came so: parsers want it, and writing it anew takes a while."""


def shown(url: str | URL) -> str:
    """The URL without a user or password."""
    try:
        parsed = URL(url)
        return str(parsed.with_user(None) if parsed.user is not None or parsed.password is not None else url)
    except ValueError:
        return "".join(("…@", str(url).rpartition("@")[2])) if "@" in str(url) else str(url)
