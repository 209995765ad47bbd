"""What comes after a page, and how a run ended."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from scrapr.roles.scraper.crawl import Counts, Stop, Trail, conclude

PAGE = "http://site/page"


def walk(trail: Trail, links: Mapping[str, str | None], start: str) -> tuple[list[str], Stop]:
    """Follow `links` from `start`; the pages visited and why it ended."""
    visited, at = [], start
    while True:
        visited.append(at)
        step = trail.follow(at, links.get(at))
        if isinstance(step, Stop):
            return visited, step
        at = step


def test_a_run_goes_on_to_the_last_page() -> None:
    links = {"a": "b", "b": "c", "c": None}
    assert walk(Trail("a", limit=None, most=100), links, "a") == (["a", "b", "c"], Stop())


def test_a_next_link_seen_before_ends_the_run() -> None:
    links = {"a": "b", "b": "c", "c": "b"}
    assert walk(Trail("a", limit=None, most=100), links, "a") == (["a", "b", "c"], Stop())


def test_a_page_that_links_to_itself_is_one_page() -> None:
    assert walk(Trail("a", limit=None, most=100), {"a": "a"}, "a") == (["a"], Stop())


def test_the_users_limit_is_a_natural_end() -> None:
    links = {"a": "b", "b": "c", "c": "d"}
    assert walk(Trail("a", limit=2, most=100), links, "a") == (["a", "b"], Stop())


def test_the_settings_limit_cuts_the_run() -> None:
    visited, stop = walk(Trail("a", limit=None, most=2), {"a": "b", "b": "c"}, "a")
    assert visited == ["a", "b"]
    assert stop.error is not None
    assert "2 pages" in stop.error


def test_a_last_page_at_the_settings_limit_is_a_natural_end() -> None:
    assert walk(Trail("a", limit=None, most=2), {"a": "b"}, "a") == (["a", "b"], Stop())


def test_where_redirects_led_is_seen_too() -> None:
    trail = Trail("http://site/", limit=None, most=100)
    assert trail.follow("http://site/1", "http://site/2") == "http://site/2"
    assert trail.follow("http://site/2", "http://site/1") == Stop()
    assert trail.repeats("http://site/3", "http://site/1")
    assert not trail.repeats("http://site/2", "http://site/2")
    assert not trail.repeats("http://site/3", "http://site/4")


@given(
    links=st.dictionaries(st.integers(0, 30), st.integers(0, 30), max_size=31),
    limit=st.none() | st.integers(1, 40),
    most=st.integers(1, 40),
)
def test_no_page_is_visited_twice_and_no_bound_is_passed(
    links: dict[int, int], limit: int | None, most: int
) -> None:
    named: dict[str, str | None] = {
        f"{PAGE}/{page}": f"{PAGE}/{following}" for page, following in links.items()
    }
    visited, stop = walk(Trail(f"{PAGE}/0", limit=limit, most=most), named, f"{PAGE}/0")
    assert len(visited) == len(set(visited)) <= min(limit or most, most)
    if stop.error is not None:
        assert len(visited) == most


FOUND = Counts(pages=2, batches=1, items=3, matches={"scope": 3})


@pytest.mark.parametrize(
    ("counts", "error", "outcome"),
    [
        (FOUND, None, "complete"),
        (FOUND, "status 500", "cut"),
        (Counts(), "status 500", "failed"),
        (Counts(pages=1, matches={"title": 0}), None, "empty"),
        (Counts(pages=1, matches={"title": 0}), "status 500", "failed"),
    ],
)
def test_a_run_ends_by_what_it_handed_over_and_what_went_wrong(
    counts: Counts, error: str | None, outcome: str
) -> None:
    found, why = conclude(counts, error)
    assert found == outcome
    assert (why is None) == (outcome == "complete")


def test_an_empty_run_names_the_selectors_that_matched_nothing() -> None:
    matches = {"title": 0, "address.city": 0, "link": 4, "paginate": 0}
    _, why = conclude(Counts(pages=1, matches=matches), None)
    assert why == "No items: title, address.city matched nothing on the page"


def test_a_scope_without_a_match_is_the_only_reason_told() -> None:
    _, why = conclude(Counts(pages=3, matches={"title": 0, "scope": 0}), None)
    assert why == "No items: scope matched nothing on the 3 pages"


def test_an_empty_run_whose_selectors_matched_says_so() -> None:
    _, why = conclude(Counts(pages=1, matches={"title": 2}), None)
    assert why == "No items: what the selectors matched on the page is empty"


@pytest.mark.parametrize(
    ("pages", "why"),
    [
        (1, "No items: the page has not changed since it had none"),
        (2, "No items: the 2 pages have not changed since they had none"),
    ],
)
def test_an_empty_run_over_pages_that_did_not_change_tells_nothing_of_selectors(pages: int, why: str) -> None:
    assert conclude(Counts(unchanged=pages), None) == ("empty", why)


def test_counts_add_up_over_pages() -> None:
    counts = Counts().fetched(size=10, retries=1, waited={"pace": 0.5}).read(matches={"title": 2})
    counts = counts.fetched(size=5, retries=0, waited={"pace": 1, "backoff": 2}).skipped(4)
    counts = counts.read(matches={"title": 1, "scope": 4}).sent(7)
    assert counts == Counts(
        pages=2,
        unchanged=1,
        unchanged_items=4,
        bytes=15,
        retries=1,
        waited={"pace": 1.5, "backoff": 2},
        matches={"title": 3, "scope": 4},
        batches=1,
        items=7,
    )


def test_the_fill_rate_is_the_part_of_the_items_in_which_a_field_is_not_empty() -> None:
    items: list[dict[str, JsonValue]] = [{"a": "x", "b": None, "c": 0}, {"a": "", "b": [], "c": False}]
    counts = Counts().read(items, matches={}, unconverted={"b": 1}).read([{"a": "y"}], matches={})
    assert counts.fill(("a", "b", "c", "d")) == {"a": 0.6667, "b": 0.0, "c": 0.6667, "d": 0.0}
    assert counts.unconverted == {"b": 1}
    assert Counts().read([], matches={}).fill(("a",)) == {}


def test_pages_that_did_not_change_make_a_run_complete_or_cut() -> None:
    counts = Counts().skipped(4)
    assert conclude(counts, None) == ("complete", None)
    assert conclude(counts, "status 500")[0] == "cut"
    assert conclude(Counts().skipped(0), None)[0] == "empty"


def test_a_trail_says_how_many_pages_it_has_room_for() -> None:
    trail = Trail("a", limit=3, most=100)
    assert (trail.room, trail.knows("a"), trail.knows("b")) == (3, True, False)
    trail.follow("a", "b")
    assert (trail.room, trail.knows("b")) == (2, True)
    assert Trail("a", limit=None, most=7).room == Trail("a", limit=9, most=7).room == 7


def test_a_complete_run_tells_of_followed_pages_that_are_not_there() -> None:
    counts = Counts().read(matches={}, absent=("a is gone", "b is gone")).sent(1)
    counts = counts.read(matches={}, absent=("c is gone",))
    assert conclude(counts, None) == (
        "complete",
        "Followed pages that are not there: 3; the first: a is gone",
    )
