"""Whether and when a failure is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scrapr.fetching import retry
from scrapr.fetching.errors import FetchFailed, FetchRefused, FetchUnavailable
from scrapr.fetching.settings import FetchSettings
from scrapr.model import errors

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
SETTINGS = FetchSettings(retries=3, retry_after_limit=60)


def failure(reason: Any, **kwargs: Any) -> FetchFailed:
    return FetchUnavailable(reason, "x", url="http://x/", **kwargs)


def decide(failed: FetchFailed, *, retries: int = 0, method: str = "GET") -> retry.Retry | None:
    return retry.decide(failed, retries=retries, method=method, settings=SETTINGS)


@pytest.mark.parametrize("reason", ["dns", "connect", "disconnected", "timeout"])
def test_a_fault_of_the_connection_is_tried_again(reason: str) -> None:
    assert decide(failure(reason)) == retry.Retry(None)


@pytest.mark.parametrize(
    "reason", ["too-large", "not-html", "tls", "redirects", "decompression", "headers", "busy"]
)
def test_a_fault_that_would_come_again_is_not(reason: str) -> None:
    assert decide(failure(reason)) is None


def test_a_refusal_is_never_tried_again() -> None:
    for reason in ("refused-address", "refused-url", "robots"):
        assert decide(FetchRefused(reason, "x", url="http://x/")) is None


def test_the_host_says_when() -> None:
    assert decide(failure("status", status=429, retry_after=7)) == retry.Retry(7)
    assert decide(failure("status", status=503, retry_after=60)) == retry.Retry(60)
    assert decide(failure("status", status=503, retry_after=61)) is None


def test_tries_run_out() -> None:
    assert decide(failure("timeout"), retries=2) is not None
    assert decide(failure("timeout"), retries=3) is None


@pytest.mark.parametrize(
    ("failed", "again"),
    [(failure("status", status=503), True), (failure("status", status=429), True),
     (failure("status", status=500), False),
     (failure("timeout"), False), (failure("disconnected"), False), (failure("connect"), True), (failure("dns"), True)],
)  # fmt: skip
def test_a_post_is_sent_again_only_if_it_cannot_have_worked(failed: FetchFailed, again: bool) -> None:
    assert (decide(failed, method="POST") is not None) == again


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0), ("120", 120), (" 5 ", 5), (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
     (format_datetime(NOW - timedelta(days=1), usegmt=True), 0), ("Thu, 01 Jan 2026 12:01:00 -0000", 60),
     ("Thursday, 01-Jan-26 12:01:00 GMT", 60), (None, None), ("", None), ("soon", None), ("-5", None), ("1.5", None),
     ("9" * 400, None), ("٣", None), ("Thu, 99 Jan 2026 12:00:00 GMT", None), ("Thu, 01 Jan 99999 12:00:00 GMT", None)],
)  # fmt: skip
def test_both_forms_of_retry_after_are_read(value: str | None, seconds: float | None) -> None:
    assert retry.parse_retry_after(value, now=NOW) == seconds


@given(st.text(max_size=80))
@example("0\x1f")
def test_no_retry_after_does_harm(value: str) -> None:
    seconds = retry.parse_retry_after(value, now=NOW)
    assert seconds is None or seconds >= 0


def test_a_failure_is_told_in_the_words_of_its_family() -> None:
    told = failure("status", status=404, retry_after=3).as_problem()
    assert (type(told), told.status, told.retry_after) == (errors.Unavailable, 503, 3)
    assert type(FetchRefused("robots", "x", url="http://x/").as_problem()) is errors.Refused


def test_a_failure_shows_a_long_url_in_part_and_knows_all_of_it() -> None:
    failed = FetchUnavailable("timeout", "too late", url="http://x/" + "a" * 5_000)
    assert len(failed.detail) < 400
    assert len(failed.url) > 5_000
