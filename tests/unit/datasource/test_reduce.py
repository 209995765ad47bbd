from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scrapr.model.change import Change, apply
from scrapr.model.rules import FieldRule
from scrapr.roles.datasource.reduce import fold, keys_of
from scrapr.roles.datasource.standing import Feed, Fold, Kept, Page, Standing

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
COLLECT = {"item": "items"}


def page(number: int, *items: Any, run: str = "r", configuration: str | None = "x", late: int = 0) -> Page:
    at = START + timedelta(seconds=number - late)
    return Page(f"{run}:{number}", run, items, at, configuration, ("title",), COLLECT)


def store(records: dict[str, Kept], folded: Fold) -> dict[str, Kept]:
    """What the ledger does with a fold, in memory."""
    after = {key: kept for key, kept in records.items() if key not in folded.removed}
    after |= {kept.key: kept for kept in folded.written}
    for sighting in folded.sightings:
        for key in sighting.keys:
            kept = after[key]
            others = [feed for feed in kept.feeds if feed.configuration != sighting.feed.configuration]
            after[key] = kept._replace(last_seen=sighting.at, feeds=(*others, sighting.feed))
    return after


def play(groups: Sequence[Sequence[Page]]) -> tuple[Standing, dict[str, Kept], list[Change]]:
    """Reduce each group in a transaction of its own."""
    standing, records, changes = Standing("c"), dict[str, Kept](), list[Change]()
    for group in groups:
        old = {key: records[key] for key in keys_of(group) if key in records}
        folded = fold(standing, old, group, most=5)
        standing, records = folded.after, store(records, folded)
        changes += folded.changes
    return standing, records, changes


TITLES = st.sampled_from(["a", "b", "c", "", None])
ITEMS = st.lists(
    st.fixed_dictionaries({}, optional={"title": TITLES, "item": st.integers(0, 9), "x": st.integers(0, 2)}),
    max_size=5,
)
PARTS = st.tuples(ITEMS, st.sampled_from(["r1", "r2"]), st.sampled_from(["x", "y", None]), st.integers(0, 5))


@st.composite
def grouped(draw: st.DrawFn) -> tuple[list[Page], list[list[Page]]]:
    parts = draw(st.lists(PARTS, max_size=8))
    pages = [
        page(number, *items, run=run, configuration=who, late=late)
        for number, (items, run, who, late) in enumerate(parts)
    ]
    groups: list[list[Page]] = []
    for each in pages:
        if not groups or draw(st.booleans()):
            groups.append([])
        groups[-1].append(each)
    return pages, groups


@given(grouped())
def test_pages_folded_in_any_grouping_give_the_same_records_and_the_same_changes(given: Any) -> None:
    pages, groups = given
    singly = play([[each] for each in pages])
    together = play(groups)
    assert together[0] == singly[0]
    assert together[2] == singly[2]
    for key, kept in singly[1].items():
        other = together[1][key]
        assert sorted(map(repr, other.feeds)) == sorted(map(repr, kept.feeds))
        assert (other.values, other.created, other.version) == (kept.values, kept.created, kept.version)
        assert (other.first_seen, other.last_seen, other.changed_at) == (
            kept.first_seen,
            kept.last_seen,
            kept.changed_at,
        )


@given(grouped())
def test_versions_have_no_gaps_and_applying_the_changes_to_nothing_gives_the_records(given: Any) -> None:
    standing, records, changes = play(given[1])
    assert [change.version for change in changes] == list(range(1, standing.version + 1))
    assert [change.at for change in changes] == sorted(change.at for change in changes)
    told: dict[str, Any] = {}
    for change in changes:
        told[change.key] = apply(told.get(change.key, {}), change)
    assert told == {key: kept.values for key, kept in records.items()}
    assert len(records) == standing.records


@given(grouped())
def test_what_is_held_is_how_many_records_a_configuration_feeds(given: Any) -> None:
    standing, records, _ = play(given[1])
    for who in ("x", "y"):
        assert standing.held.get(who, 0) == sum(kept.fed_by(who) is not None for kept in records.values())


def test_an_item_that_changes_nothing_makes_no_change_and_is_seen() -> None:
    first, again = page(1, {"title": "a", "item": 1}), page(2, {"title": "a", "item": 1}, run="s")
    _, records, _ = play([[first]])
    folded = fold(Standing("c", version=1, records=1, order=1), records, [again], most=9)
    (sighting,) = folded.sightings
    assert (folded.changes, folded.written) == ((), ())
    assert (sighting.keys, sighting.feed, sighting.at) == (("a",), Feed("x", "s", 2), again.received_at)


def test_one_page_makes_at_most_one_change_of_a_record() -> None:
    _, records, changes = play([[page(1, {"title": "a", "item": 1}, {"title": "a", "item": 2, "x": 1})]])
    assert [(change.op, change.after) for change in changes] == [
        ("create", {"title": "a", "items": [1, 2], "x": 1})
    ]
    assert records["a"].created == records["a"].version == 1


def test_an_update_tells_the_fields_that_differ_old_and_new() -> None:
    _, _, changes = play([[page(1, {"title": "a", "x": 1})], [page(2, {"title": "a", "x": 2, "y": 3})]])
    assert (changes[1].op, changes[1].before, changes[1].after) == ("update", {"x": 1}, {"x": 2, "y": 3})


def test_items_without_a_key_are_counted_and_kept_aside() -> None:
    folded = fold(Standing("c"), {}, [page(1, {"title": ""}, {"item": 1}, {"title": "a"})], most=9)
    assert [(each.number, each.item) for each in folded.aside["r:1"]] == [
        (0, {"title": ""}),
        (1, {"item": 1}),
    ]
    assert {str(reason) for each in folded.aside["r:1"] for reason in each.reasons} == {
        "title: is missing, and identifies the item; allowed: up to 2000 characters"
    }
    assert (folded.effects["r:1"].unkeyed, folded.effects["r:1"].created) == (2, 1)


def test_a_page_that_arrived_before_the_newest_change_takes_effect_with_it() -> None:
    _, _, changes = play([[page(5, {"title": "a"})], [page(1, {"title": "b"})]])
    assert changes[1].at == changes[0].at


RULES = {"price": FieldRule(type="number", required=True)}


def ruled(number: int, *items: Any, **parts: Any) -> Page:
    return replace(page(number, *items), fields=RULES, **parts)


def test_an_item_that_breaks_a_rule_becomes_no_record_and_says_why() -> None:
    folded = fold(Standing("c"), {}, [ruled(1, {"title": "a"}, {"title": "b", "price": 2})], most=9)
    assert [kept.key for kept in folded.written] == ["b"]
    (aside,) = folded.aside["r:1"]
    assert (aside.number, aside.item, aside.is_keyed) == (0, {"title": "a"}, True)
    assert [str(reason) for reason in aside.reasons] == ["price: is missing; allowed: a number"]
    effect = folded.effects["r:1"]
    assert (effect.created, effect.quarantined, effect.unkeyed) == (1, 1, 0)


def test_a_record_of_which_a_broken_item_came_keeps_its_values_and_counts_as_seen() -> None:
    standing, records, _ = play([[ruled(1, {"title": "a", "price": 1})]])
    folded = fold(standing, records, [ruled(2, {"title": "a", "price": "?"})], most=9)
    (kept,) = folded.written
    assert (folded.changes, kept.values) == ((), records["a"].values)
    assert [(feed.order, feed.told) for feed in kept.feeds] == [(2, 1)]
    assert folded.effects["r:2"].fresh == 0
    others = fold(standing, records, [ruled(2, {"title": "a", "price": "?"}, configuration="y")], most=9)
    assert (others.sightings, others.written) == ((), ())


def test_fields_that_the_only_configuration_no_longer_gives_go() -> None:
    first = replace(page(1, {"title": "a", "old": 1, "item": 1}), names=frozenset({"title", "old", "item"}))
    second = replace(page(2, {"title": "a", "new": 2}), names=frozenset({"title", "new", "item"}))
    _, records, changes = play([[first], [second]])
    assert records["a"].values == {"title": "a", "items": [1], "new": 2}
    assert (changes[1].before, changes[1].after) == ({"old": 1}, {"new": 2})


def test_fields_of_a_record_that_others_feed_too_stay() -> None:
    first = replace(page(1, {"title": "a", "old": 1}), names=frozenset({"title", "old"}))
    other = replace(page(2, {"title": "a"}, configuration="y"), names=frozenset({"title"}))
    _, records, _ = play([[first], [other]])
    assert records["a"].values == {"title": "a", "old": 1}


def test_what_comes_back_from_quarantine_never_undoes_what_came_since() -> None:
    standing, records, _ = play([[page(1, {"title": "a", "x": 1})], [page(2, {"title": "b"})]])
    back = [replace(page(3, {"title": "a", "x": 0}, {"title": "b", "x": 0}, run="back"), origin=1)]
    folded = fold(standing, records, back, most=9)
    assert [(change.key, change.after) for change in folded.changes] == [("a", {"x": 0})]


def back(number: int, origin: int, run: str, *items: Any) -> Page:
    """A page of what comes back from quarantine."""
    return replace(page(number, *items, run=run), origin=origin)


def test_what_comes_back_from_quarantine_is_the_newest_whatever_the_order_in_which_it_comes() -> None:
    pages = [ruled(1, {"title": "a", "price": 1}), ruled(2, {"title": "a"}), ruled(3, {"title": "a", "x": 3})]
    older, newer = ({"title": "a", "x": 2}, 2), ({"title": "a", "x": 3}, 3)
    for first, second in ((older, newer), (newer, older)):
        for runs in (("s", "s"), ("s", "t")):
            again = [back(4, first[1], runs[0], first[0]), back(5, second[1], runs[1], second[0])]
            _, records, _ = play([*([each] for each in pages), *([each] for each in again)])
            assert records["a"].values == {"title": "a", "price": 1, "x": 3}


def test_an_item_that_breaks_a_rule_does_not_make_older_ones_of_quarantine_old() -> None:
    pages = [ruled(1, {"title": "a", "price": 1}), ruled(2, {"title": "a", "x": 2}), ruled(3, {"title": "a"})]
    _, records, _ = play([*([each] for each in pages), [back(4, 2, "s", {"title": "a", "x": 2})]])
    assert records["a"].values == {"title": "a", "price": 1, "x": 2}
    # What is seen again with its values is told anew.
    again = [ruled(4, {"title": "a", "price": 1}), back(5, 2, "s", {"title": "a", "x": 2})]
    _, records, _ = play([*([each] for each in pages), *([each] for each in again)])
    assert records["a"].values == {"title": "a", "price": 1}
