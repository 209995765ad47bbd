"""When each configuration is due, which starts next, and what a change of claims means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from scrapr.model.claim import Claim
from scrapr.model.configuration import Configuration, Scraper
from scrapr.roles.scraper import schedule
from scrapr.roles.scraper.schedule import Last, Pick, Rhythm, find_delay

NOW = 1_700_000_000.0
STEADY = Rhythm(jitter=0.0, recover=10.0)
LOOSE = Rhythm(jitter=0.1, recover=10.0)
DAY = datetime(2026, 1, 1, tzinfo=UTC)


def claim(identity: str = "c1", *, revision: int = 1, epoch: int = 1, ttl: int = 300) -> Claim:
    configuration = Configuration(
        id=identity,
        type="scraper",
        collection="things",
        scraper=Scraper(source="http://127.0.0.1/", selector={"title": "h1"}),
        ttl=ttl,
        revision=revision,
        created_at=DAY,
        updated_at=DAY,
    )
    return Claim(configuration=configuration, epoch=epoch, expires_at=DAY + timedelta(hours=1))


def test_what_never_ran_is_due_at_once() -> None:
    assert find_delay(None, claim(), LOOSE, NOW) == 0


def test_a_new_revision_is_due_at_once() -> None:
    assert find_delay(Last(revision=1, started=NOW - 1), claim(revision=2), LOOSE, NOW) == 0


def test_what_ran_is_due_a_ttl_after_its_start() -> None:
    assert find_delay(Last(revision=1, started=NOW - 100), claim(ttl=300), STEADY, NOW) == 200


def test_missed_ticks_are_one_run() -> None:
    late = find_delay(Last(revision=1, started=NOW - 1000), claim(ttl=300), STEADY, NOW)
    assert late == -700
    started = schedule.finish(schedule.begin(Last(revision=1, started=NOW - 1000), claim(), NOW))
    assert find_delay(started, claim(ttl=300), STEADY, NOW) == 300


def test_a_run_that_never_ended_is_made_again_at_once_and_then_ever_later() -> None:
    last: Last | None = None
    pauses = []
    for _ in range(8):
        last = schedule.begin(last, claim(), NOW)
        pauses.append(find_delay(last, claim(ttl=300), LOOSE, NOW))
    assert pauses == [0, 10, 30, 70, 150, 300, 300, 300]


def test_a_run_that_ended_or_a_new_revision_forgets_the_unfinished_ones() -> None:
    broken = Last(revision=1, started=NOW, unfinished=5)
    assert schedule.finish(broken).unfinished == 0
    assert schedule.begin(broken, claim(revision=2), NOW).unfinished == 1


def test_a_clock_that_was_set_back_does_not_put_the_next_run_off() -> None:
    assert find_delay(Last(revision=1, started=NOW + 86_400), claim(ttl=300), STEADY, NOW) == 300


@given(started=st.floats(0, NOW), ttl=st.integers(1, 31_536_000), identity=st.text(max_size=30).filter(bool))
def test_jitter_stays_within_its_part_of_the_ttl_and_is_the_same_after_a_restart(
    started: float, ttl: int, identity: str
) -> None:
    last, held = Last(revision=1, started=started), claim(identity, ttl=ttl)
    delay = find_delay(last, held, LOOSE, NOW)
    assert 0.9 * ttl - 1e-3 <= started + delay + (NOW - started) - started <= 1.1 * ttl + 1e-3
    assert find_delay(last, held, LOOSE, NOW) == delay


def test_jitter_spreads_configurations_that_started_together() -> None:
    last = Last(revision=1, started=NOW)
    delays = {round(find_delay(last, claim(f"c{n}"), LOOSE, NOW)) for n in range(200)}
    assert len(delays) > 30
    assert min(delays) < 280
    assert max(delays) > 320


def test_those_due_longest_start_first_and_the_rest_wait_for_room() -> None:
    due = {"a": 5.0, "b": 3.0, "c": 9.0, "d": 20.0}
    assert schedule.pick(due, 10.0, 2) == Pick(("b", "a"), None)
    assert schedule.pick(due, 10.0, 4) == Pick(("b", "a", "c"), 10.0)
    assert schedule.pick(due, 10.0, 0) == Pick((), None)


def test_nothing_held_means_waiting_for_news() -> None:
    assert schedule.pick({}, 10.0, 4) == Pick((), None)


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 100)), st.floats(0, 100), st.integers(0, 10))
def test_nothing_starts_early_and_nothing_due_waits_while_there_is_room(
    due: dict[str, float], now: float, room: int
) -> None:
    picked = schedule.pick(due, now, room)
    ready = [identity for identity, at in due.items() if at <= now]
    assert set(picked.start) <= set(ready)
    assert len(picked.start) == min(room, len(ready))
    if picked.wait is not None:
        assert picked.wait > 0
        assert not any(now < at < now + picked.wait * 0.999 for at in due.values())


def test_whoever_waits_gets_its_turn_however_many_come_back_at_once() -> None:
    due = {f"c{n}": float(n) for n in range(10)}
    served = []
    for now in range(10, 20):
        (identity,) = schedule.pick(due, float(now), 1).start
        served.append(identity)
        due[identity] = float(now) + 0.5
    assert sorted(served) == sorted(due)


def test_a_change_of_claims_is_told_apart() -> None:
    before = {each: claim(each) for each in ("same", "revised", "retaken", "both", "lost")}
    now = {
        "same": claim("same"),
        "revised": claim("revised", revision=2),
        "retaken": claim("retaken", epoch=2),
        "both": claim("both", revision=2, epoch=2),
        "gained": claim("gained"),
    }
    news = schedule.compare(before, now)
    assert news.gained == {"gained"}
    assert news.revised == {"revised", "both"}
    assert news.retaken == {"retaken"}
    assert news.lost == {"lost"}
    assert schedule.compare(now, now) == schedule.compare({}, {})
