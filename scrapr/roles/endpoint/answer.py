"""An answer: a body with its headers, and whether a client has it already."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cached_property, lru_cache

from scrapr.web.ready import Ready

TAG = re.compile(r'(?:W/)?"([^"]*)"')
OF_A_BODY = frozenset({"Content-Type", "Content-Encoding", "Content-Disposition", "Link"})


@dataclass(frozen=True)
class Answer:
    """`tag` is the entity tag without marks; `modified` the second of the last change, None where it tells nothing."""

    body: bytes
    headers: Mapping[str, str]
    tag: str
    modified: int | None
    route: str
    """The path of the route that answers, for the metrics."""

    @cached_property
    def full(self) -> Ready:
        """The whole answer, ready to be sent."""
        return Ready(200, self.headers, self.body, route=self.route)

    @cached_property
    def unchanged(self) -> Ready:
        """The answer to who has it."""
        return Ready(304, bodiless(self.headers), b"", route=self.route)


def bodiless(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of an answer without a body (RFC 9110, 15.4.5)."""
    return {name: value for name, value in headers.items() if name not in OF_A_BODY}


def is_known(headers: Mapping[str, str], tag: str, modified: int | None) -> bool:
    """Whether a client has the state with `tag` (RFC 9110, 13.1.2 and 13.1.3: a date counts without a tag alone)."""
    known = headers.get("If-None-Match")
    if known is not None:
        return known == f'W/"{tag}"' or known.strip() == "*" or tag in TAG.findall(known[:8000])
    since = headers.get("If-Modified-Since")
    if since is None or modified is None:
        return False
    at = _second(since)
    return at is not None and modified <= at


@lru_cache(maxsize=256)
def _second(text: str) -> int | None:
    try:
        return int(parsedate_to_datetime(text).timestamp())
    except (ValueError, TypeError, OverflowError):
        return None
