"""Why a page could not be fetched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from scrapr.model import errors

Refusal: TypeAlias = Literal[
    "refused-url", "refused-address", "refused-port", "refused-request", "robots", "no-browser"
]
Fault: TypeAlias = Literal[
    "status", "timeout", "too-large", "not-html", "dns", "connect", "disconnected", "tls", "redirects",
    "robots", "decompression", "headers", "protocol", "busy", "browser",
]  # fmt: skip
Reason: TypeAlias = Refusal | Fault

URL_SHOWN = 300


class FetchFailed(errors.ScraprError):
    """The page could not be fetched

    `reason` is a slug for records and metrics, `detail` a sentence for people, `url` the URL that failed
    (after redirects, without a password), `status` the HTTP status if the host answered, `retry_after` what
    the host asked for, in seconds. `retries` were made before it, and `waited` is what slowed them, in seconds
    by cause.
    """

    # Deliberately not the family's class-wide HTTP status of our own answers: see `as_problem`.
    status: int | None  # type: ignore[assignment, misc]  # the host's status belongs to one failure

    def __init__(
        self,
        reason: Reason,
        detail: str,
        *,
        url: str,
        status: int | None = None,
        retry_after: float | None = None,
    ):
        shown = url if len(url) <= URL_SHOWN else url[:URL_SHOWN] + "…"
        super().__init__(f"{shown}: {detail}", retry_after=retry_after)
        self.reason: Reason = reason
        self.url = url
        self.status = status
        self.retries = 0
        self.waited: Mapping[str, float] = {}

    def as_problem(self) -> errors.ScraprError:
        """The same as a plain error of its family, to be answered to a user over HTTP."""
        return errors.Unavailable(self.detail, retry_after=self.retry_after)


class FetchRefused(FetchFailed, errors.Refused):
    """The page may not be fetched"""

    status: int | None  # type: ignore[assignment, misc]  # as in FetchFailed

    def as_problem(self) -> errors.ScraprError:
        """As `FetchFailed.as_problem`."""
        return errors.Refused(self.detail, retry_after=self.retry_after)


class FetchUnavailable(FetchFailed, errors.Unavailable):
    """The page did not come"""

    status: int | None  # type: ignore[assignment, misc]  # as in FetchFailed
