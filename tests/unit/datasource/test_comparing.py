from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scrapr.model.change import apply
from scrapr.roles.datasource.comparing import correct
from scrapr.roles.datasource.standing import Feed, Kept, Spot, Standing

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = START + timedelta(days=1)
VALUES = st.dictionaries(st.sampled_from("xyz"), st.integers(0, 1) | st.booleans(), max_size=2)
RECORDS = st.dictionaries(st.sampled_from("abcd"), VALUES)


def kept(key: str, values: Any, *spots: Spot) -> Kept:
    return Kept(key, values, 1, 2, START, START, START, (Feed("k", "r", 1, spots),))


@given(RECORDS, RECORDS)
def test_the_changes_make_what_is_there_what_is_right_and_versions_have_no_gap(
    there: Any, right: Any
) -> None:
    standing = Standing("c", version=7, records=len(there))
    folded = correct(
        standing,
        {key: kept(key, values) for key, values in there.items()},
        {key: kept(key, values) for key, values in right.items()},
        run="x",
        at=LATER,
    )
    now = dict(there)
    for change in folded.changes:
        if change.op == "remove":
            assert now.pop(change.key) == change.before
        else:
            assert (change.op == "create") == (change.key not in now)
            now[change.key] = apply(now.get(change.key, {}), change)
    assert now == right
    assert [change.version for change in folded.changes] == list(range(8, folded.after.version + 1))
    assert folded.after.records == len(right)
    assert all(each.values == right[each.key] for each in folded.written)
    assert {change.key for change in folded.changes if change.op != "remove"} <= {
        each.key for each in folded.written
    }
    assert set(folded.removed) == there.keys() - right.keys()


def test_what_is_the_same_is_left_alone_and_what_only_feeds_differ_in_is_no_change() -> None:
    one, two = Spot("p", "r"), Spot("q", "r")
    there = {"a": kept("a", {"x": 1}, one, two), "b": kept("b", {"x": 1}, one)}
    right = {"a": kept("a", {"x": 1}, two, one), "b": kept("b", {"x": 1}, two)}
    folded = correct(Standing("c", version=7, records=2), there, right, run="x", at=LATER)
    assert (folded.changes, [each.key for each in folded.written]) == ((), ["b"])
    assert folded.written[0].version == 2
