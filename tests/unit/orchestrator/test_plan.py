"""The plan: what follows from pools, replicas and the time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapr.fleet.replica import Replica
from scrapr.model.pool import Pool
from scrapr.roles.orchestrator.memory import Memory, Setback
from scrapr.roles.orchestrator.outfit import Outfit, wanted
from scrapr.roles.orchestrator.plan import Patience, Plan, Start, Stop, plan, remaining

LONG = timedelta(hours=1)


@pytest.fixture
def decide(kit: Any) -> Any:
    """The plan for pools and replicas, at noon and without memories unless told."""

    def decide(
        pools: Iterable[Pool],
        replicas: Iterable[Replica],
        *,
        memory: Memory | None = None,
        now: datetime | None = None,
    ) -> Plan:
        known = memory or Memory()
        return plan(
            pools, replicas, outfit=kit.outfit, patience=kit.patience, memory=known, now=now or kit.noon
        )

    return decide


def names(made: Plan) -> list[tuple[str, str]]:
    """The plan in short."""
    return [
        ("start", action.spec.name) if isinstance(action, Start) else ("stop", action.replica.name)
        for action in made.actions
    ]


@pytest.mark.parametrize(
    ("configurations", "slots", "least", "most", "replicas"),
    [
        (0, 1, 0, 9, 0),
        (0, 200, 1, 9, 1),
        (200, 200, 1, 9, 1),
        (201, 200, 1, 9, 2),
        (50, 1, 1, 9, 9),
        (3, 1, 5, 9, 5),
    ],
)
def test_a_pool_wants_enough_slots_for_its_configurations_within_its_bounds(
    kit: Any, configurations: int, slots: int, least: int, most: int, replicas: int
) -> None:
    pool = kit.pool(configurations, slots=slots, replicas_min=least, replicas_max=most)
    assert wanted(pool) == replicas


def test_an_empty_fleet_gets_all_replicas_by_ordinal(kit: Any, decide: Any) -> None:
    made = decide([kit.pool(3)], [])
    assert names(made) == [("start", f"scraper-default-{ordinal}") for ordinal in range(3)]


def test_a_complete_fleet_is_left_alone(kit: Any, decide: Any) -> None:
    assert decide([kit.pool(3)], kit.run_all(kit.pool(3))) == Plan((), None)


def test_a_gap_is_filled_under_the_same_name(kit: Any, decide: Any) -> None:
    first, _, third = kit.run_all(kit.pool(3))
    assert names(decide([kit.pool(3)], [first, third])) == [("start", "scraper-default-1")]


def test_a_dead_replica_is_replaced_before_new_ones_are_started(kit: Any, decide: Any) -> None:
    dead = Setback(1, kit.noon, "it was killed by SIGKILL", ("endpoint-default-0", kit.noon))
    memory = Memory(setbacks={"endpoint-default-0": dead})
    made = decide([kit.pool(2), kit.pool(1, role="endpoint")], [], memory=memory)
    assert names(made)[0] == ("start", "endpoint-default-0")
    assert [action.replaces for action in made.actions] == [True, False, False]


def test_surplus_is_stopped_after_the_cooldown_and_highest_first(kit: Any, decide: Any) -> None:
    running = kit.run_all(kit.pool(4))
    since = {f"scraper-default-{ordinal}": kit.noon for ordinal in (2, 3)}
    memory = Memory(surplus_since=since)
    early = decide([kit.pool(2)], running, memory=memory, now=kit.noon + timedelta(seconds=20))
    assert early == Plan((), 10.0)
    due = decide([kit.pool(2)], running, memory=memory, now=kit.noon + timedelta(seconds=30))
    assert names(due) == [("stop", "scraper-default-3"), ("stop", "scraper-default-2")]


def test_replicas_of_a_pool_that_is_gone_are_stopped_after_the_cooldown(kit: Any, decide: Any) -> None:
    running = kit.run_all(kit.pool(1, place="eu"))
    memory = Memory(surplus_since={"scraper-eu-0": kit.noon - LONG})
    assert names(decide([], running, memory=memory)) == [("stop", "scraper-eu-0")]


def test_what_others_started_is_left_alone_even_under_our_names(kit: Any, decide: Any) -> None:
    [ours] = kit.run_all(kit.pool(1))
    strangers = [replace(ours, labels={}), replace(ours, name="datasource", labels={"pool": "x"})]
    assert decide([kit.pool(1)], strangers) == Plan((), None)
    assert decide([], strangers) == Plan((), None)


def test_a_changed_pool_is_restarted_one_by_one(kit: Any, decide: Any) -> None:
    before, after = kit.pool(3), kit.pool(6, slots=2)
    replicas, stopped, now = kit.run_all(before), [], kit.noon
    while (made := decide([after], replicas, now=now)).actions:
        assert len(made.actions) == 1
        stopped += [name for what, name in names(made) if what == "stop"]
        replicas = kit.apply(made.actions, replicas, now - LONG)
    assert stopped == [f"scraper-default-{ordinal}" for ordinal in range(3)]
    assert {replica.labels["slots"] for replica in replicas} == {"2"}


def test_the_next_is_restarted_only_when_the_last_has_settled(kit: Any, decide: Any) -> None:
    before, after = kit.pool(2), kit.pool(4, slots=2)
    renewed = kit.run(kit.outfit.spec(after, 0), kit.noon - timedelta(seconds=0.5))
    replicas = [renewed, kit.run(kit.outfit.spec(before, 1))]
    assert decide([after], replicas) == Plan((), 1.5)
    later = decide([after], replicas, now=kit.noon + timedelta(seconds=1.5))
    assert names(later) == [("stop", "scraper-default-1")]


def test_no_replica_is_restarted_while_another_is_missing_or_leaving(kit: Any, decide: Any) -> None:
    before, after = kit.pool(2), kit.pool(4, slots=2)
    first, second = kit.run_all(before)
    assert names(decide([after], [second])) == [("start", "scraper-default-0")]
    assert decide([after], [first, second], memory=Memory(leaving={first.name})) == Plan((), None)


def test_a_replica_that_is_leaving_is_neither_started_nor_stopped_again(kit: Any, decide: Any) -> None:
    running = kit.run_all(kit.pool(1))
    memory = Memory(leaving={"scraper-default-0"}, surplus_since={"scraper-default-0": kit.noon - LONG})
    assert decide([kit.pool(1)], running, memory=memory) == Plan((), None)
    assert decide([kit.pool(0)], running, memory=memory) == Plan((), None)


@pytest.mark.parametrize(
    ("streak", "seconds"), [(1, 0), (2, 0.1), (3, 0.2), (5, 0.8), (10, 25.6), (11, 30), (10_000, 30)]
)
def test_the_first_replacement_is_immediate_and_later_ones_wait_longer(
    kit: Any, decide: Any, streak: int, seconds: float
) -> None:
    setback = Setback(streak, kit.noon, "it exited with code 1", ("scraper-default-0", kit.noon))
    made = decide([kit.pool(1)], [], memory=Memory(setbacks={"scraper-default-0": setback}))
    assert (made.again or 0) == pytest.approx(seconds)
    assert len(made.actions) == (0 if seconds else 1)


def test_a_clock_that_was_set_back_ends_every_wait(kit: Any) -> None:
    assert remaining(kit.noon, 30, kit.noon - LONG) == 0
    assert remaining(kit.noon, 30, kit.noon + LONG) == 0
    assert remaining(kit.noon, 30, kit.noon) == 30


def test_the_first_replica_of_a_default_pool_has_the_roles_port(kit: Any) -> None:
    outfit = Outfit(port_base=4000, environment={"SCRAPR_REDIS_URL": "redis://r", "SCRAPR_WEB_PORT": "1"})
    ports = {
        (pool.name, ordinal): outfit.spec(pool, ordinal).environment["SCRAPR_WEB_PORT"]
        for pool in (kit.pool(), kit.pool(role="endpoint"), kit.pool(place="eu"))
        for ordinal in (0, 1)
    }
    assert {at: port for at, port in ports.items() if port != "0"} == {
        ("scraper-default", 0): "4000",
        ("endpoint-default", 0): "4002",
    }


def test_a_replica_is_told_its_claim_its_log_and_what_all_get(kit: Any, tmp_path: Any) -> None:
    given = {"SCRAPR_REDIS_URL": "redis://r", "SCRAPR_WEB_ADVERTISE": "http://me"}
    outfit = Outfit(logs=tmp_path, environment=given)
    spec = outfit.spec(kit.pool(place="eu", slots=7), 3)
    assert (spec.name, spec.role) == ("scraper-eu-3", "scraper")
    assert spec.log == str(tmp_path / "scraper-eu-3.log")
    assert spec.environment == {
        "SCRAPR_REDIS_URL": "redis://r",
        "SCRAPR_CLAIM_CONTAINER": "scraper-eu-3",
        "SCRAPR_CLAIM_PLACE": "eu",
        "SCRAPR_CLAIM_SLOTS": "7",
        "SCRAPR_WEB_PORT": "0",
    }


pools = st.builds(
    lambda role, place, slots, configurations, least, more: Pool(
        name=f"{role}-{place}",
        role=role,
        place=place,
        slots=slots,
        configurations=configurations,
        replicas_min=least,
        replicas_max=max(1, least + more),
    ),
    st.sampled_from(["scraper", "endpoint"]),
    st.sampled_from(["default", "eu", "us-1"]),
    st.integers(1, 5),
    st.integers(0, 20),
    st.integers(0, 3),
    st.integers(0, 5),
)
fleets = st.lists(pools, max_size=6, unique_by=lambda pool: pool.name)


@given(now_wanted=fleets, wanted_before=fleets, data=st.data())
def test_any_fleet_becomes_what_is_wanted_and_then_nothing_is_left_to_do(
    kit: Any, now_wanted: list[Pool], wanted_before: list[Pool], data: st.DataObject
) -> None:
    before = [replica for pool in wanted_before for replica in kit.run_all(pool)]
    replicas = tuple(each for each in before if data.draw(st.booleans(), label=f"{each.name} runs"))
    patience = Patience(cooldown=0, settle=0, backoff_first=0.1, backoff_most=1)
    steps = 0
    while (made := _plan(now_wanted, replicas, kit, patience)).actions:
        _check_one_at_a_time(made, now_wanted)
        replicas = kit.apply(made.actions, replicas)
        steps += 1
        assert steps <= 2 * len(before) + 1
    specs = {spec.name: spec for pool in now_wanted for spec in kit.outfit.specs(pool)}
    assert {each.name: each.labels for each in replicas} == {n: spec.labels for n, spec in specs.items()}


@given(now_wanted=fleets, data=st.data())
def test_where_no_pool_has_changed_one_plan_is_enough(
    kit: Any, now_wanted: list[Pool], data: st.DataObject
) -> None:
    bigger = [pool.model_copy(update={"configurations": 20}) for pool in now_wanted]
    running = [replica for pool in bigger for replica in kit.run_all(pool)]
    replicas = tuple(each for each in running if data.draw(st.booleans(), label=f"{each.name} runs"))
    patience = Patience(cooldown=0, settle=5, backoff_first=0.1, backoff_most=1)
    made = _plan(now_wanted, replicas, kit, patience)
    assert _plan(now_wanted, kit.apply(made.actions, replicas), kit, patience) == Plan((), None)


def _plan(pools: Iterable[Pool], replicas: Iterable[Replica], kit: Any, patience: Patience) -> Plan:
    return plan(pools, replicas, outfit=kit.outfit, patience=patience, memory=Memory(), now=kit.noon)


def _check_one_at_a_time(made: Plan, now_wanted: Iterable[Pool]) -> None:
    """At most one wanted replica of each pool is taken away at a time."""
    for pool in now_wanted:
        kept = {f"{pool.name}-{ordinal}" for ordinal in range(wanted(pool))}
        taken = [each for each in made.actions if isinstance(each, Stop) and each.replica.name in kept]
        assert len(taken) <= 1
