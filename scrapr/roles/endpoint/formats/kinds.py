"""Which formats there are, and which of them a client wants."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from scrapr.model.errors import FieldError, Invalid, NotAcceptable

PART = re.compile(r"\s*([^\s;,/]+)/([^\s;,]+)\s*((?:;[^,]*)?)")
QUALITY = re.compile(r";\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*(?:;|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Format:
    """One format: its name in a query, the media types by which it is known, and what it is sent as."""

    name: str
    types: tuple[str, ...]
    sent_as: str
    attached: bool = False
    """Whether browsers are to save it under a name."""

    @property
    def media_type(self) -> str:
        """The media type, without parameters."""
        return self.types[0]


JSON = Format("json", ("application/json",), "application/json; charset=utf-8")
LINES = Format(
    "jsonl",
    ("application/x-ndjson", "application/jsonl", "application/x-jsonlines", "application/ndjson"),
    "application/x-ndjson; charset=utf-8",
)
CSV = Format("csv", ("text/csv",), "text/csv; charset=utf-8; header=present", attached=True)
RSS = Format("rss", ("application/rss+xml",), "application/rss+xml; charset=utf-8")
PARQUET = Format(
    "parquet",
    ("application/vnd.apache.parquet", "application/x-parquet"),
    "application/vnd.apache.parquet",
    attached=True,
)
ALL = (JSON, LINES, CSV, RSS, PARQUET)
NAMED = {each.name: each for each in ALL}


def choose(named: str | None, accept: str) -> Format:
    """The format that a query names, or else the one that `Accept` likes best.

    Raises `Invalid` for a name, and `NotAcceptable` for a header, that none of ours fits.
    """
    if named is None:
        return accepted(accept)
    if named not in NAMED:
        raise Invalid(
            FieldError(field="format", problem=f"{named[:40]!r} is no format", allowed=", ".join(NAMED))
        )
    return NAMED[named]


@lru_cache(maxsize=512)
def accepted(accept: str) -> Format:
    """The format that an `Accept` header likes best (RFC 9110, 12.5.1).

    Of those that it likes alike it is the one that the header names most precisely, then the first of ours.
    """
    wishes = [
        (main.lower(), sub.lower(), _quality(rest)) for main, sub, rest in PART.findall(accept[:2000])
    ] or [("*", "*", 1.0)]
    best = max(ALL, key=lambda each: _liking(each, wishes))
    if _liking(best, wishes)[0] <= 0:
        media_types = ", ".join(each.media_type for each in ALL)
        raise NotAcceptable(f"Items are told as {media_types}; or name the format with ?format=")
    return best


def _liking(known: Format, wishes: list[tuple[str, str, float]]) -> tuple[float, int]:
    """How much is wanted, and how precisely it is named: the most precise mention counts."""
    precise = (0, 0.0)
    for media_type in known.types:
        main, _, sub = media_type.partition("/")
        for wanted, wanted_sub, quality in wishes:
            if (wanted, wanted_sub) == (main, sub):
                precise = max(precise, (3, quality))
            elif (wanted, wanted_sub) == (main, "*"):
                precise = max(precise, (2, quality))
            elif (wanted, wanted_sub) == ("*", "*"):
                precise = max(precise, (1, quality))
    return precise[1], precise[0]


def _quality(parameters: str) -> float:
    found = QUALITY.search(parameters)
    return float(found[1]) if found else 1.0
