"""A service that vanishes is made anew after a moment, one that never was at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from scrapr.roles.orchestrator.absence import MOMENT, Absence

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=MOMENT)


def test_what_never_was_is_not_awaited() -> None:
    assert not Absence().observe([], NOW).is_fresh("scraper", NOW)


def test_what_vanished_is_awaited_for_a_moment_however_often_one_looks() -> None:
    absence = Absence().observe(["scraper"], NOW).observe([], NOW)
    assert absence.is_fresh("scraper", NOW)
    assert absence.observe([], LATER - timedelta(seconds=1)).is_fresh("scraper", LATER - timedelta(seconds=1))
    assert not absence.observe([], LATER).is_fresh("scraper", LATER)


def test_what_came_back_may_vanish_again() -> None:
    absence = (
        Absence().observe(["scraper"], NOW).observe([], NOW).observe(["scraper"], LATER).observe([], LATER)
    )
    assert absence.is_fresh("scraper", LATER)
