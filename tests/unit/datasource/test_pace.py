"""What a receiver's answer means, and which delivery is next."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapr.roles.datasource.hooks.pace import Answer, Head, Verdict, choose, judge, retry_after

START = datetime(2026, 1, 2, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def judged(answer: Answer, *, now: float = 10, delay: float = 2) -> Verdict:
    return judge(answer, created_at=START, now=at(now), delay=delay, most=60, give_up=100)


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_any_success_is_a_delivery(status: int) -> None:
    assert judged(Answer(status=status)) == Verdict("delivered")


@pytest.mark.parametrize("status", [301, 307, 400, 404, 429, 500, 503])
def test_every_other_status_is_tried_again_redirects_too(status: int) -> None:
    assert judged(Answer(status=status)) == Verdict("again", f"status {status}", at(12))


def test_a_receiver_is_left_alone_as_long_as_it_asks_within_a_bound() -> None:
    assert judged(Answer(status=503, retry_after=30)).next_at == at(40)
    assert judged(Answer(status=503, retry_after=10**6)).next_at == at(70)
    assert judged(Answer(status=503, retry_after=1)).next_at == at(12)


def test_gone_is_the_end_and_disables() -> None:
    verdict = judged(Answer(status=410))
    assert (verdict.outcome, verdict.disables) == ("dead", True)


def test_what_the_guard_refuses_is_dead_at_once() -> None:
    verdict = judged(Answer(error="refused-address: private", forbidden=True))
    assert (verdict.outcome, verdict.reason, verdict.disables) == ("dead", "refused-address: private", False)


def test_after_a_bounded_time_a_delivery_is_given_up() -> None:
    assert judged(Answer(error="no answer"), now=97).outcome == "again"
    assert judged(Answer(error="no answer"), now=99) == Verdict("dead", "no answer")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0", 0.0), ("", None), ("-1", None), ("soon", None), ("9" * 400, None), ("²", None)],
)
def test_retry_after_is_read_as_seconds(header: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": header}) == seconds


heads = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xyzuvw"), st.integers(-50, 50)),
    unique_by=lambda each: each[:2],
).map(lambda rows: [Head(f"{hook}{lane}", hook, lane, 0, at(due)) for hook, lane, due in rows])


@given(heads, st.data(), st.integers(1, 3))
def test_no_lane_twice_no_hook_too_often_and_none_waits_for_another(
    waiting: list[Head], data: Any, parallel: int
) -> None:
    busy = data.draw(st.lists(st.sampled_from(waiting), unique=True)) if waiting else []
    chosen = choose(waiting, busy, now=START, parallel=parallel)
    assert not set(chosen.heads) & set(busy)
    assert all(head.next_at <= START for head in chosen.heads)
    load = Counter(head.hook for head in (*busy, *chosen.heads))
    for hook in {head.hook for head in waiting}:
        due = [head for head in waiting if head.hook == hook and head not in busy and head.next_at <= START]
        taken = [head for head in chosen.heads if head.hook == hook]
        # However busy the others are, a hook has its own room.
        assert len(taken) == max(0, min(len(due), parallel - sum(each.hook == hook for each in busy)))
        assert load[hook] <= max(parallel, sum(each.hook == hook for each in busy))
    later = [head.next_at for head in waiting if head not in busy and head.next_at > START]
    assert chosen.wait == (min(later) - START).total_seconds() if later else chosen.wait is None
