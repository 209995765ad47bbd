"""What `/pools` tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from scrapr.roles.orchestrator.memory import Memory, Setback, life_of
from scrapr.roles.orchestrator.report import PoolsReport, Scene, describe


@pytest.fixture
def tell(kit: Any) -> Any:
    """The report of pools and replicas."""

    def tell(pools: Any, replicas: Any, memory: Memory | None = None) -> PoolsReport:
        scene = Scene(tuple(pools), tuple(replicas), kit.outfit, kit.patience, memory or Memory(), kit.noon)
        return describe(scene, config="ok", fleet="ok")

    return tell


def test_a_complete_pool_has_no_reason(kit: Any, tell: Any) -> None:
    [pool] = tell([kit.pool(2)], kit.run_all(kit.pool(2))).pools
    assert (pool.wanted, pool.running, pool.reason) == (2, 2, None)
    assert [replica.state for replica in pool.replicas] == ["running", "running"]
    assert all(replica.pid and replica.since for replica in pool.replicas)


def test_a_replica_that_keeps_dying_says_why_and_when_it_is_started_again(kit: Any, tell: Any) -> None:
    [dead] = (replace(each, state="exited", exit_code=2) for each in kit.run_all(kit.pool()))
    setback = Setback(6, kit.noon - timedelta(seconds=0.6), "it exited with code 2", life_of(dead))
    memory = Memory(setbacks={dead.name: setback}, restarts={dead.name: 5})
    [pool] = tell([kit.pool()], [dead], memory).pools
    assert (
        pool.reason
        == "scraper-default-0: it exited with code 2, 6 times in a row; it is started again in 1.0 s"
    )
    [replica] = pool.replicas
    assert (replica.state, replica.pid, replica.restarts) == ("missing", None, 5)


def test_a_replica_that_was_just_killed_or_never_ran_is_about_to_be_started(kit: Any, tell: Any) -> None:
    [dead] = (replace(each, state="exited", exit_code=-9) for each in kit.run_all(kit.pool()))
    [pool] = tell([kit.pool(2)], [dead]).pools
    assert [replica.reason for replica in pool.replicas] == [
        "it was killed by SIGKILL; it is about to be started",
        "it is about to be started",
    ]


def test_a_name_that_a_stranger_has_is_told(kit: Any, tell: Any) -> None:
    [ours] = kit.run_all(kit.pool())
    [pool] = tell([kit.pool()], [replace(ours, labels={})]).pools
    assert pool.running == 0
    assert f"process {ours.pid} of the fleet has its name" in pool.reason


def test_surplus_orphans_and_leaving_replicas_are_told_apart(kit: Any, tell: Any) -> None:
    running = (*kit.run_all(kit.pool(3)), *kit.run_all(kit.pool(1, place="eu")))
    memory = Memory(leaving={"scraper-default-2"})
    told = tell([kit.pool(1)], running, memory)
    [pool] = told.pools
    assert (pool.wanted, pool.running) == (1, 1)
    assert {replica.name: replica.state for replica in pool.replicas} == {
        "scraper-default-0": "running",
        "scraper-default-2": "stopping",
        "scraper-default-1": "surplus",
    }
    assert [orphan.name for orphan in told.orphans] == ["scraper-eu-0"]


def test_a_replica_of_a_changed_pool_runs_until_its_turn(kit: Any, tell: Any) -> None:
    [pool] = tell([kit.pool(2, slots=2)], kit.run_all(kit.pool(1))).pools
    assert (pool.running, pool.replicas[0].state) == (1, "running")
    assert pool.replicas[0].reason == "its pool has changed; it is restarted in its turn"
    leaving = Memory(leaving={"scraper-default-0"})
    [pool] = tell([kit.pool(2, slots=2)], kit.run_all(kit.pool(1)), leaving).pools
    assert (pool.running, pool.replicas[0].state) == (0, "stopping")


def test_a_pool_at_its_most_says_how_many_configurations_have_no_slot(kit: Any, tell: Any) -> None:
    big = kit.pool(25, slots=10, replicas_max=2)
    [pool] = tell([big], kit.run_all(big)).pools
    assert pool.reason == "replicas_max leaves 5 configurations without a slot"
