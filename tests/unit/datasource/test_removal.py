from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from scrapr.roles.datasource.removal import find_unseen, forget, is_whole, why_keep, why_keep_many
from scrapr.roles.datasource.standing import Effect, End, Feed, Kept, Spot, Standing, Unseen

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
END = End("r:end", "r", AT, "complete", pages=2, items=10, configuration="x")
SPOTS = (Spot("page", "old"),)
EFFECTS = [Effect(7, fresh=4, held=10), Effect(8, fresh=1, held=10)]


def kept(key: str, *feeders: str | None) -> Kept:
    feeds = tuple(Feed(feeder, "old", 1) for feeder in feeders)
    return Kept(key, {"title": key}, 1, 1, AT, AT, AT, feeds)


def test_a_complete_run_that_saw_at_least_half_removes_the_rest() -> None:
    assert why_keep(END, EFFECTS, whole=True) is None


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"outcome": "cut"}, "outcome cut"),
        ({"outcome": "empty"}, "outcome empty"),
        ({"outcome": "failed"}, "outcome failed"),
        ({"items": 0}, "no items"),
        ({"unchanged_pages": 1}, "not all unchanged pages were named"),
        ({"unchanged_pages": 1, "unchanged": SPOTS, "pages": 0}, "no page has changed"),
        ({"configuration": None}, "no configuration"),
    ],
)
def test_any_other_run_removes_nothing_and_says_why(changed: Any, reason: str) -> None:
    assert why_keep(replace(END, **changed), EFFECTS, whole=True) == reason


def test_a_fall_of_more_than_half_counts_as_broken() -> None:
    assert why_keep(END, [Effect(7, fresh=4, held=9)], whole=True) == "a fall from 9 records to 4"
    assert why_keep(END, [Effect(7, fresh=4, held=8)], whole=True) is None


def test_a_configuration_may_say_how_far_a_run_may_fall() -> None:
    effects = [Effect(7, fresh=4, held=9)]
    assert why_keep(replace(END, fall=0.6), effects, whole=True) is None
    assert why_keep(replace(END, fall=1), [Effect(7, fresh=1, held=10**6)], whole=True) is None
    assert (
        why_keep(replace(END, fall=0), [Effect(7, fresh=8, held=9)], whole=True)
        == "a fall from 9 records to 8"
    )
    assert why_keep(replace(END, fall=0), [Effect(7, fresh=9, held=9)], whole=True) is None


def test_what_unchanged_pages_hold_is_no_fall() -> None:
    end = replace(END, unchanged_pages=1, unchanged=SPOTS)
    effects = [Effect(7, fresh=1, held=10)]
    assert why_keep(end, effects, whole=True) is None
    unseen = find_unseen(end, effects)
    assert unseen == Unseen("x", 7, SPOTS)
    standing = Standing("c", held={"x": 11})
    assert why_keep_many(end, effects, standing, unseen, 5) is None
    assert why_keep_many(end, effects, standing, unseen, 6) == "a fall from 11 records to 5"
    # After a part of those five went, the others may go as well.
    assert why_keep_many(end, effects, replace(standing, held={"x": 8}), unseen, 2) is None


def test_the_fall_is_measured_from_the_first_page_in_order() -> None:
    effects = [Effect(8, fresh=3, held=99), Effect(7, fresh=1, held=8)]
    assert why_keep(END, effects, whole=True) is None


def test_a_run_whose_pages_are_all_new_records_is_no_fall() -> None:
    assert why_keep(END, [Effect(7, created=8, fresh=8, held=8)], whole=True) is None


def test_a_run_whose_pages_did_not_all_come_removes_nothing() -> None:
    assert why_keep(END, EFFECTS[:1], whole=False) == "1 of 2 pages came"
    assert is_whole(END, {1: EFFECTS[0], 2: EFFECTS[1]})
    assert not is_whole(END, {1: EFFECTS[0]})
    assert not is_whole(END, {2: EFFECTS[0], 3: EFFECTS[1]})


def test_records_that_others_feed_too_lose_the_configuration_and_stay() -> None:
    standing = Standing("c", version=5, records=9, order=8, turn=3, held={"x": 3, "y": 1})
    folded = forget(standing, END, [kept("a", "x"), kept("b", "x", "y"), kept("c", "x", None)], is_last=True)
    assert folded.removed == ("a",)
    assert {each.key: [feed.configuration for feed in each.feeds] for each in folded.written} == {
        "b": ["y"],
        "c": [None],
    }
    assert [(change.version, change.op, change.before) for change in folded.changes] == [
        (6, "remove", {"title": "a"})
    ]
    assert folded.after == replace(standing, version=6, records=8, order=9, updated_at=AT, held={"y": 1})


def test_only_the_last_part_reduces_the_end() -> None:
    standing = Standing("c", version=1, records=2, order=8, held={"x": 2})
    part = forget(standing, END, [kept("a", "x")], is_last=False)
    assert (part.after.order, part.effects) == (8, {})
    last = forget(part.after, END, [kept("b", "x")], is_last=True)
    assert (last.after.order, list(last.effects), last.after.version) == (9, ["r:end"], 3)
