"""Which replicas `scrapr up` starts, and in which order it stops all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from scrapr.embedded import plan, restart
from scrapr.embedded.settings import StopDeadlines
from scrapr.fleet.replica import Replica

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LONGEST = 10.0
SPECS = plan.list_specs(3000, {"SCRAPR_REDIS_URL": "redis://127.0.0.1:1"}, "/data/log")


def found(
    name: str, *, pid: int = 1, exited: bool = False, lived: float = 0.0, role: str | None = None
) -> Replica:
    started = NOW - timedelta(seconds=lived)
    return Replica(
        name, role or name, {}, pid, started, "exited" if exited else "running", 1 if exited else None
    )


def test_each_own_role_has_its_port_its_log_and_the_environment() -> None:
    assert [(spec.name, spec.environment["SCRAPR_WEB_PORT"], spec.log) for spec in SPECS] == [
        ("config", "3003", "/data/log/config.log"),
        ("datasource", "3001", "/data/log/datasource.log"),
        ("orchestrator", "3004", "/data/log/orchestrator.log"),
    ]
    assert all(spec.environment["SCRAPR_REDIS_URL"] == "redis://127.0.0.1:1" for spec in SPECS)


def test_what_was_never_started_is_started_at_once() -> None:
    assert plan.plan(SPECS, [], {}, NOW, longest_pause=LONGEST).start == SPECS


@given(st.sets(st.sampled_from(plan.OWN)))
def test_what_runs_is_left_alone(running: set[str]) -> None:
    made = plan.plan(SPECS, [found(name) for name in running], {}, NOW, longest_pause=LONGEST)
    assert {spec.name for spec in made.start} == set(plan.OWN) - running


def test_a_replica_that_died_is_due_after_a_pause_and_its_death_counts_once() -> None:
    dead = [found("config", exited=True), found("datasource"), found("orchestrator")]
    first = plan.plan(SPECS, dead, {}, NOW, longest_pause=LONGEST)
    assert (first.start, first.wake_in) == ((), restart.FIRST_PAUSE)
    later = plan.plan(
        SPECS, dead, first.tenures, NOW + timedelta(seconds=restart.FIRST_PAUSE), longest_pause=LONGEST
    )
    assert [spec.name for spec in later.start] == ["config"]
    assert later.tenures == first.tenures


def test_each_further_early_death_is_answered_later_and_a_long_life_starts_anew() -> None:
    rest = [found("datasource"), found("orchestrator")]
    made = plan.plan(SPECS, [found("config", pid=1, exited=True), *rest], {}, NOW, longest_pause=LONGEST)
    made = plan.plan(
        SPECS, [found("config", pid=2, exited=True, lived=1), *rest], made.tenures, NOW, longest_pause=LONGEST
    )
    assert made.wake_in == 2 * restart.FIRST_PAUSE
    steady = found("config", pid=3, exited=True, lived=restart.STEADY)
    assert (
        plan.plan(SPECS, [steady, *rest], made.tenures, NOW, longest_pause=LONGEST).wake_in
        == restart.FIRST_PAUSE
    )


@given(st.integers(1, 10_000))
def test_a_pause_grows_and_is_bounded(young: int) -> None:
    assert (
        restart.FIRST_PAUSE <= restart.pause(young, LONGEST) <= restart.pause(young + 1, LONGEST) <= LONGEST
    )


def test_the_orchestrator_stops_first_and_config_last() -> None:
    replicas = [
        found("config"),
        found("datasource"),
        found("scraper-default-0", role="scraper"),
        found("endpoint-default-0", role="endpoint"),
        found("scraper-default-1", role="scraper", exited=True),
        found("orchestrator"),
    ]
    assert [step.names for step in plan.list_stops(replicas, StopDeadlines())] == [
        ("orchestrator",),
        ("scraper-default-0", "endpoint-default-0"),
        ("datasource",),
        ("config",),
    ]


def test_the_whole_stop_takes_less_than_ten_seconds() -> None:
    assert StopDeadlines().total < 10
