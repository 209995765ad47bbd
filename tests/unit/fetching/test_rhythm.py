"""A host's pace follows how it answers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scrapr.fetching.rhythm import Rhythm, listen


def heard(rhythm: Rhythm, *seconds: float, failed: bool = False, limit: float = 30) -> Rhythm:
    for each in seconds:
        rhythm = listen(rhythm, each, failed=failed, limit=limit)
    return rhythm


def test_a_host_that_answers_evenly_is_not_slowed() -> None:
    for seconds in (0.001, 0.05, 2.0):
        assert heard(Rhythm(), *[seconds] * 50).pace == 0


def test_noise_of_a_quick_host_is_not_strain() -> None:
    assert heard(Rhythm(), *[0.001, 0.04, 0.002, 0.08] * 20).pace == 0


def test_a_host_that_becomes_slow_is_asked_one_at_a_time() -> None:
    strained = heard(heard(Rhythm(), *[0.1] * 20), *[1.0] * 20)
    assert 0.9 < strained.pace < 1.1


def test_a_host_that_recovers_is_asked_as_before() -> None:
    strained = heard(heard(Rhythm(), *[0.1] * 20), *[1.0] * 20)
    assert heard(strained, *[0.1] * 60).pace == 0


def test_a_host_that_is_slow_for_good_is_asked_as_before_in_the_end() -> None:
    slow = heard(heard(Rhythm(), *[0.1] * 20), *[0.5] * 400)
    assert slow.pace < 0.01


def test_errors_slow_a_host_down_to_a_limit() -> None:
    one = heard(Rhythm(), 0.01, failed=True)
    assert one.pace >= 0.1
    assert heard(one, *[0.01] * 50, failed=True, limit=5).pace == 5
    assert heard(heard(one, *[0.01] * 50, failed=True, limit=5), *[0.01] * 60).pace == 0


@given(st.lists(st.tuples(st.floats(0, 300), st.booleans()), max_size=60), st.floats(0, 60))
def test_the_pace_stays_within_its_bounds(answers: list[tuple[float, bool]], limit: float) -> None:
    rhythm = Rhythm()
    for seconds, failed in answers:
        rhythm = listen(rhythm, seconds, failed=failed, limit=limit)
        assert 0 <= rhythm.pace <= limit
