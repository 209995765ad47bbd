"""Times are UTC with milliseconds: what MongoDB keeps and what JSON shows."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, PlainSerializer


def now() -> datetime:
    """The present, in UTC, cut to whole milliseconds."""
    at = datetime.now(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


@lru_cache(maxsize=1000)
def cut(at: datetime) -> datetime:
    """`at` as UTC without what is finer than a millisecond; a naive time is taken as UTC."""
    utc = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


@lru_cache(maxsize=1000)
def show(at: datetime) -> str:
    """RFC 3339 with milliseconds and `Z`, as `2016-06-01T21:13:07.110Z`; what one batch brought has one time."""
    return cut(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Time = Annotated[datetime, AfterValidator(cut), PlainSerializer(show, return_type=str, when_used="json")]
