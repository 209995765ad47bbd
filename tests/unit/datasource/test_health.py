"""How a run compares with those before it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scrapr.model import times
from scrapr.model.batch import Run
from scrapr.roles.datasource.health import Health, carry_on, judge, says_nothing_new


def run(**parts: Any) -> Run:
    values = {
        "run": "r",
        "collection": "c",
        "outcome": "complete",
        "started_at": times.now(),
        "finished_at": times.now(),
        "items": 30,
        "fill": {"title": 1.0, "price": 0.8, "rare": 0.1},
    }
    return Run.model_validate(values | parts)


PAST = [run(), run(items=28), run(items=300)]


def test_a_run_like_those_before_is_healthy() -> None:
    assert judge(run(), PAST) == Health("healthy")


def test_a_first_run_is_healthy_whatever_it_found() -> None:
    assert judge(run(items=1, fill={"title": 0.0}), []) == Health("healthy")


def test_a_run_without_items_is_broken() -> None:
    assert judge(run(outcome="empty", items=0, error="No items"), PAST) == Health("broken", "No items")
    assert judge(run(outcome="failed", items=0, error="500"), []) == Health("broken", "500")


def test_a_run_that_was_cut_is_degraded() -> None:
    assert judge(run(outcome="cut", items=3, error="500"), PAST) == Health("degraded", "500")


def test_far_less_items_than_usual_are_told() -> None:
    assert judge(run(items=14), PAST) == Health("degraded", "14 items, usually 30")
    assert judge(run(items=15), PAST) == Health("healthy")


def test_a_next_link_that_died_is_named_where_items_are_missing() -> None:
    past = [run(matches={"title": 30, "paginate": 2})]
    few = run(items=10, matches={"title": 10, "paginate": 0})
    told = "10 items, usually 30: paginate matches nothing any more"
    assert judge(few, past) == Health("degraded", told)
    alone = [run(matches={"title": 30, "paginate": 0})]
    assert judge(few, alone) == Health("degraded", "10 items, usually 30")
    partly = run(items=10, unchanged_pages=1, matches={"title": 10, "paginate": 0})
    assert judge(partly, past) == Health("degraded", "10 items, usually 30")


def test_items_of_unchanged_pages_count() -> None:
    assert judge(run(items=5, unchanged_items=25, unchanged_pages=1), PAST) == Health("healthy")


def test_a_field_that_stopped_filling_is_named_with_its_cause() -> None:
    dead = run(fill={"title": 1.0, "price": 0.0, "rare": 0.0}, matches={"price": 0})
    found = judge(dead, PAST)
    assert found.state == "degraded"
    assert (
        found.reason
        == "price is filled in 0% of the items, usually in 80%: its selector matches nothing any more"
    )
    lost = judge(run(fill={"price": 0.1}, matches={"price": 30}, unconverted={"price": 27}), PAST)
    assert lost.reason is not None
    assert lost.reason.endswith("usually in 80%: 27 values could not be converted")


def test_a_selector_within_a_field_that_died_is_named_though_the_field_is_filled() -> None:
    fill = {"title": 1.0, "address": 1.0}
    alive = {"title": 30, "address.street": 30, "address.city": 29, "page.$follow": 30, "page.phone": 3}
    past = [run(fill=fill, matches=alive)]
    assert judge(run(fill=fill, matches=alive | {"page.phone": 0}), past) == Health("healthy")
    assert judge(run(fill=fill, matches=alive | {"address.city": 0}), past) == Health(
        "degraded",
        "address.city is filled in 0% of the items, usually in 97%: its selector matches nothing any more",
    )
    lost = judge(run(fill=fill, matches=alive, unconverted={"address.city": 29}), past)
    assert (lost.reason or "").endswith("usually in 97%: 29 values could not be converted")
    assert judge(run(fill=fill, matches=alive | {"address.city": 0}, items=0), past).state == "degraded"


def test_a_single_item_of_a_changed_page_proves_nothing() -> None:
    one = {"fill": {"title": 1.0, "price": 0.0}, "items": 1}
    assert judge(run(**one, unchanged_pages=1, unchanged_items=29), PAST) == Health("healthy")
    assert judge(run(**one), [run(**one | {"fill": {"price": 1.0}})]).state == "degraded"


def test_a_run_of_unchanged_pages_alone_leaves_a_dead_selector_dead() -> None:
    unchanged = run(items=0, fill={}, unchanged_pages=2, unchanged_items=30)
    assert says_nothing_new(unchanged)
    assert not says_nothing_new(run(unchanged_pages=2))
    assert not says_nothing_new(run(items=0, unchanged_pages=2, matches={"title": 0}))
    assert not says_nothing_new(run(items=0, fill={}, outcome="cut", unchanged_pages=2))
    dead = Health("degraded", "price is filled in 0% of the items")
    assert carry_on(Health("healthy"), "complete", dead) == dead
    assert carry_on(Health("healthy"), "cut", Health("degraded", "500")) == Health("healthy")
    assert carry_on(Health("healthy"), "failed", Health("broken", "500")) == Health("healthy")
    assert carry_on(Health("healthy"), "complete", Health("healthy")) == Health("healthy")


RATES = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0, 1))


@given(RATES, st.lists(RATES, max_size=5), st.integers(0, 100))
def test_whatever_runs_say_a_reason_is_given_where_something_is_wrong(
    fill: dict[str, float], before: list[dict[str, float]], items: int
) -> None:
    found = judge(run(fill=fill, items=items), [run(fill=each) for each in before])
    assert (found.reason is None) == (found.state == "healthy")
