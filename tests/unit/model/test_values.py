"""Changes, problems, names and times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapr.model import change, errors, problem, times
from scrapr.model.change import Change
from scrapr.model.collection import near
from scrapr.model.record import Record

NOW = datetime(2016, 6, 1, 21, 13, 7, 110_999, UTC)
VALUES = st.dictionaries(
    st.sampled_from("abcde"), st.integers(0, 3) | st.none() | st.lists(st.integers(0, 2))
)


@given(VALUES, VALUES)
def test_applying_what_differs_gives_the_new_values(before: dict[str, Any], after: dict[str, Any]) -> None:
    old, new = change.differ(before, after)
    step = Change(collection="c", version=1, key="k", op="update", before=old, after=new, at=NOW)
    assert change.apply(before, step) == after


@pytest.mark.parametrize(
    ("one", "other"), [(1, True), (0, False), ([1], [True]), ({"a": 1}, {"a": True}), ("1", 1), (None, 0)]
)
def test_what_is_another_value_in_json_is_a_change(one: Any, other: Any) -> None:
    assert change.differ({"a": one}, {"a": other}) == ({"a": one}, {"a": other})
    assert change.differ({"a": one}, {"a": one}) == ({}, {})
    assert change.same(1, 1.0)


def test_fields_keep_their_order_and_new_ones_follow() -> None:
    step = Change(
        collection="c",
        version=1,
        key="k",
        op="update",
        before={"a": 1, "b": 2},
        after={"a": 3, "d": 4},
        at=NOW,
    )
    assert list(change.apply({"a": 1, "b": 2, "c": 5}, step)) == ["a", "c", "d"]


@pytest.mark.parametrize(
    "kind", [errors.NotFound, errors.StaleEpoch, errors.TooMany, errors.Unavailable, errors.Conflict]
)
def test_an_error_is_the_same_on_the_other_side_of_http(kind: type[errors.ScraprError]) -> None:
    told = problem.describe(kind("because"))
    revived = problem.revive(told.status, told.model_dump(mode="json"), retry_after=2)
    assert type(revived) is kind
    assert (revived.detail, revived.retry_after) == ("because", 2)


def test_wrong_fields_survive_http() -> None:
    wrong = errors.Invalid(errors.FieldError(field="ttl", problem="is 0", allowed="1"))
    revived = problem.revive(422, problem.describe(wrong).model_dump(mode="json"))
    assert revived.fields == wrong.fields


@pytest.mark.parametrize(
    ("status", "kind"),
    [(500, errors.Unavailable), (502, errors.Unavailable), (404, errors.NotFound), (418, errors.Refused)],
)
def test_an_answer_that_is_no_problem_is_judged_by_its_status(
    status: int, kind: type[errors.ScraprError]
) -> None:
    assert isinstance(problem.revive(status, "<html>"), kind)


def test_near_names_are_those_that_somebody_may_have_meant() -> None:
    assert near("resturants", ["restaurants", "hotels", "Restaurant"])[0] == "restaurants"
    assert near("x" * 10_000, ["restaurants"]) == []


def test_of_many_names_the_neighbours_are_looked_at() -> None:
    many = [f"town-{number}" for number in range(10_000)]
    assert near("Town-421O", many)[0] in {"town-421", "town-4210"}
    assert near("restarants", [*many, "restaurants"]) == ["restaurants"]


def test_times_are_utc_with_milliseconds() -> None:
    assert times.show(NOW) == "2016-06-01T21:13:07.110Z"
    assert times.show(NOW.astimezone(timezone(timedelta(hours=2)))) == "2016-06-01T21:13:07.110Z"
    assert times.cut(NOW.replace(tzinfo=None)) == NOW.replace(microsecond=110_000)


def test_a_record_shows_itself_in_the_shape_of_the_thesis() -> None:
    def record(**values: Any) -> dict[str, Any]:
        seen = {"first_seen": NOW, "last_seen": NOW, "changed_at": NOW}
        return Record(key="k", values=values, created=1, version=1, **seen).public()

    assert record(title="a") == {"title": "a", "timestamp": "2016-06-01T21:13:07.110Z"}
    assert record(timestamp="its own") == {"timestamp": "its own"}
