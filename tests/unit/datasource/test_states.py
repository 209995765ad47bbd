"""The state of a configuration follows from its newest run and from the time since."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scrapr.model.batch import ReducedRun
from scrapr.roles.datasource.states.settle import Entry, Facts, Patience, learn, note, settle

START = datetime(2026, 1, 2, tzinfo=UTC)
PATIENCE = Patience(ttls=3, least=60)
FACTS = Facts("x", "things", START, ttl=100)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def run(begun: float, ended: float, **parts: Any) -> ReducedRun:
    values = {
        "run": f"r{int(begun)}",
        "collection": "things",
        "configuration": "x",
        "outcome": "complete",
        "started_at": at(begun),
        "finished_at": at(ended),
        "state": "healthy",
        "pages": 2,
        "items": 30,
        "fill": {"title": 1.0},
    }
    return ReducedRun.model_validate(values | parts)


def test_a_configuration_without_a_run_is_new_since_it_was_added() -> None:
    entry = learn(None, FACTS, PATIENCE, at(5))
    assert (entry.state.state, entry.state.since, entry.state.due_at) == ("new", START, at(300))


def test_a_run_gives_its_state_and_what_a_good_one_had_stays() -> None:
    good = note(learn(None, FACTS, PATIENCE, START), run(0, 10), PATIENCE, at(11))
    bad = note(good, run(100, 110, state="broken", reason="No items", items=0), PATIENCE, at(111))
    assert (good.state.state, bad.state.state, bad.state.reason) == ("healthy", "broken", "No items")
    assert bad.state.since == at(111)
    assert bad.state.good is not None
    assert (bad.state.good.run, bad.state.good.items, bad.state.good.pages) == ("r0", 30, 2)
    assert bad.state.good.fill == {"title": 1.0}


def test_the_same_state_again_keeps_its_beginning() -> None:
    first = note(None, run(0, 10), PATIENCE, at(11))
    second = note(first, run(100, 110), PATIENCE, at(111))
    assert (second.state.since, second.state.last and second.state.last.run) == (at(11), "r100")


def test_a_run_that_is_reduced_late_does_not_replace_a_newer_one() -> None:
    newer = note(None, run(100, 110), PATIENCE, at(111))
    assert note(newer, run(0, 90, state="broken"), PATIENCE, at(112)) == newer


def test_a_run_of_unchanged_pages_keeps_the_fill_of_the_one_before() -> None:
    first = note(None, run(0, 10), PATIENCE, at(11))
    unchanged = run(100, 101, items=0, pages=0, unchanged_pages=2, unchanged_items=30, fill={})
    second = note(first, unchanged, PATIENCE, at(102))
    assert second.state.good is not None
    assert (second.state.good.items, second.state.good.fill) == (30, {"title": 1.0})


def test_silence_for_several_ttls_is_overdue_and_the_next_run_ends_that() -> None:
    ran = note(learn(None, FACTS, PATIENCE, START), run(0, 10), PATIENCE, at(11))
    assert ran.state.due_at == at(10 + 3 * (100 + 10))
    overdue = settle(ran, PATIENCE, at(400), holder="scraper-1")
    assert overdue.state.state == "overdue"
    assert overdue.state.reason == ("no run has ended for 390 s, with a ttl of 100 s; scraper-1 holds it")
    later = settle(overdue, PATIENCE, at(500))
    assert (later.state.reason, later.state.since) == (overdue.state.reason, at(400))
    back = note(later, run(510, 520), PATIENCE, at(521))
    assert (back.state.state, back.state.since) == ("healthy", at(521))


def test_a_first_run_that_never_comes_is_overdue() -> None:
    entry = learn(None, FACTS, PATIENCE, at(301))
    assert entry.state.state == "overdue"
    assert "no run has ever ended" in (entry.state.reason or "")
    assert "no scraper holds it" in (entry.state.reason or "")


def test_a_longer_ttl_ends_an_alarm() -> None:
    overdue = learn(None, FACTS, PATIENCE, at(301))
    assert learn(overdue, replace(FACTS, ttl=1000), PATIENCE, at(302)).state.state == "new"


def test_what_runs_only_when_asked_is_never_overdue() -> None:
    entry = learn(None, replace(FACTS, ttl=None), PATIENCE, at(10**7))
    assert (entry.state.state, entry.state.due_at) == ("new", None)


def test_a_short_ttl_has_patience_all_the_same() -> None:
    entry = learn(None, replace(FACTS, ttl=1), PATIENCE, at(59))
    assert (entry.state.state, entry.state.due_at) == ("new", at(60))


steps = st.lists(
    st.tuples(st.integers(2, 10**6), st.sampled_from(["healthy", "degraded", "broken", None])), max_size=12
)


@given(steps)
def test_settling_twice_is_settling_once_and_a_state_begins_when_it_changes(steps: Any) -> None:
    entry, now = learn(None, FACTS, PATIENCE, START), 0
    for seconds, state in steps:
        before, now = entry, now + seconds
        entry = settle(entry, PATIENCE, at(now))
        if state is not None:
            entry = note(entry, run(now - 1, now, state=state), PATIENCE, at(now))
        assert settle(entry, PATIENCE, at(now)) == entry
        if entry.state.state == before.state.state:
            assert entry.state.since in {before.state.since, at(now)}
        else:
            assert entry.state.since == at(now)
        assert entry.state.state != "overdue" or (entry.state.due_at or at(0)) <= at(now)


def test_an_entry_is_a_value() -> None:
    assert Entry(note(None, run(0, 1), PATIENCE, at(2)).state) == note(None, run(0, 1), PATIENCE, at(2))
