"""What is remembered of deaths and surplus, and when it is forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from scrapr.roles.orchestrator.memory import Memory, life_of, tell_end

SECOND = timedelta(seconds=1)


@pytest.fixture
def observe(kit: Any) -> Any:
    """The memory after a look at replicas of a pool with `configurations`."""

    def observe(memory: Memory, replicas: Any, *, configurations: int = 1, now: Any = None) -> Memory:
        specs = kit.outfit.specs(kit.pool(configurations))
        return memory.observe(specs, replicas, stable=10, now=now or kit.noon)

    return observe


def died(replica: Any, code: int = -9) -> Any:
    """The replica after its end."""
    return replace(replica, state="exited", exit_code=code)


def test_a_death_is_counted_once_however_often_it_is_seen(kit: Any, observe: Any) -> None:
    dead = [died(replica) for replica in kit.run_all(kit.pool())]
    memory = observe(observe(Memory(), dead), dead, now=kit.noon + SECOND)
    [setback] = memory.setbacks.values()
    assert (setback.streak, setback.at, setback.reason) == (1, kit.noon, "it was killed by SIGKILL")


def test_deaths_in_a_row_are_counted_until_a_life_was_long_enough(kit: Any, observe: Any) -> None:
    spec, memory, streaks = kit.outfit.spec(kit.pool(), 0), Memory(), []
    for lived, at in ((1, 0), (2, 10), (9, 20), (11, 40)):
        now = kit.noon + at * SECOND
        memory = observe(memory, [died(kit.run(spec, now - lived * SECOND))], now=now)
        streaks.append(memory.setbacks[spec.name].streak)
    assert streaks == [1, 2, 3, 1]


def test_a_replica_that_the_orchestrator_stopped_did_not_die(kit: Any, observe: Any) -> None:
    [replica] = kit.run_all(kit.pool())
    memory = Memory().note_leaving(replica)
    assert observe(memory, [replica]).leaving == {replica.name}
    memory = observe(memory.note_left(replica.name), [died(replica, 0)])
    assert (memory.setbacks, memory.leaving) == ({}, frozenset())


def test_its_successor_under_the_same_name_can_die(kit: Any, observe: Any) -> None:
    [replica] = kit.run_all(kit.pool())
    memory = Memory().note_leaving(replica).note_left(replica.name)
    successor = replace(replica, started_at=kit.noon)
    assert observe(memory, [died(successor)]).setbacks[replica.name].streak == 1


def test_a_stranger_and_an_unwanted_replica_may_die_unnoticed(kit: Any, observe: Any) -> None:
    [replica] = kit.run_all(kit.pool())
    assert not observe(Memory(), [died(replace(replica, labels={}))]).setbacks
    assert not observe(Memory(), [died(replica)], configurations=0).setbacks


def test_surplus_is_timed_from_when_it_was_first_seen_and_forgotten_when_wanted(
    kit: Any, observe: Any
) -> None:
    replicas = kit.run_all(kit.pool(2))
    memory = observe(Memory(), replicas)
    assert memory.surplus_since == {"scraper-default-1": kit.noon}
    assert observe(memory, replicas, now=kit.noon + SECOND).surplus_since == memory.surplus_since
    assert observe(memory, replicas, configurations=2).surplus_since == {}


def test_failed_starts_are_setbacks_and_do_not_make_an_old_death_new(kit: Any, observe: Any) -> None:
    [dead] = (died(replica) for replica in kit.run_all(kit.pool()))
    memory = observe(Memory(), [dead]).note_failed_start(dead.name, "no room", kit.noon)
    memory = observe(memory, [dead])
    assert memory.setbacks[dead.name].streak == 2
    assert memory.setbacks[dead.name].life == life_of(dead)
    fresh = Memory().note_failed_start(dead.name, "no room", kit.noon).setbacks[dead.name]
    assert (fresh.streak, fresh.reason, fresh.life) == (1, "no room", None)


def test_what_is_no_longer_wanted_is_forgotten(kit: Any, observe: Any) -> None:
    [dead] = (died(replica) for replica in kit.run_all(kit.pool()))
    memory = observe(Memory(), [dead]).note_restart(dead.name).note_restart(dead.name)
    assert memory.restarts == {dead.name: 2}
    gone = observe(memory, [], configurations=0)
    assert (gone.setbacks, gone.restarts, gone.stopped) == ({}, {}, set())


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (2, "it exited with code 2"),
        (0, "it exited with code 0"),
        (-15, "it was killed by SIGTERM"),
        (-40, "it was killed by signal 40"),
    ],
)
def test_an_end_is_told_in_words(code: int, words: str) -> None:
    assert tell_end(code) == words
