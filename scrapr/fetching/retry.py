"""Whether a failed request is tried again, and when."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from scrapr.fetching.errors import FetchFailed
from scrapr.fetching.settings import FetchSettings

HOLD_MOST = 3600.0
"""The longest, in seconds, that one answer can keep a host from being asked."""

_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
_NOT_SENT = frozenset({"dns", "connect", "tls"})
_FAULTS = frozenset({"dns", "connect", "disconnected", "timeout"})
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again: after what the host asked for, in seconds, or with a back-off of our own if None."""

    after: float | None


def decide(failure: FetchFailed, *, retries: int, method: str, settings: FetchSettings) -> Retry | None:
    """What to do after a failure when `retries` were made already; None is to give up.

    A POST is sent again only where the host cannot have acted on it: it was never sent, or answered 429 or
    503. A Retry-After beyond the limit of the settings gives up.
    """
    if retries >= settings.retries or not _may_pass(failure, method):
        return None
    if failure.retry_after is None:
        return Retry(None)
    return Retry(failure.retry_after) if failure.retry_after <= settings.retry_after_limit else None


def _may_pass(failure: FetchFailed, method: str) -> bool:
    if failure.reason == "status":
        return failure.status in (_TRANSIENT if method != "POST" else {429, 503})
    if method == "POST":
        return failure.reason in _NOT_SENT & _FAULTS
    return failure.reason in _FAULTS


def parse_retry_after(value: str | None, *, now: datetime | None = None) -> float | None:
    """The seconds that a Retry-After header asks for, in either form; None for none or nonsense.

    Source: RFC 9110, section 10.2.3.
    """
    if value is None:
        return None
    if (digits := _SECONDS(value.strip())) is not None:
        return float(digits[0])
    try:
        when = parsedate_to_datetime(value[:100])
    except (ValueError, TypeError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)  # "-0000" and old forms name no zone; HTTP dates are in GMT
    seconds = (when - (now or datetime.now(UTC))).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None
