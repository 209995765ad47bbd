"""When a machine is made, drained and removed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from scrapr.fleet.service import Node, Task
from scrapr.roles.orchestrator.machines import Bounds, Drain, Grow, Step, Unmake, Watch, decide
from scrapr.roles.orchestrator.scene import Look

START = datetime(2026, 1, 1, tzinfo=UTC)
BOUNDS = Bounds(least=0, most=2, full=20, pause=60, idle=600, join=300)
MANAGER = Node("m", "node1", "manager", "ready", "active", 2, 10**9)
GROWN = replace(MANAGER, id="g", name="scrapr-grown-1", role="worker")


def waiting(message: str = "no suitable node (insufficient resources on 1 node)") -> Task:
    return Task("t", "s", 1, "", "pending", "running", START, START, message)


def running(node: Node) -> Task:
    return replace(waiting(""), node=node.id, state="running")


def step_after(
    seconds: float, look: Look, machines: set[str] | None = None, watch: Watch | None = None
) -> Step | None:
    """What is decided when the cluster has been so for a while."""
    machines = machines or set()
    now = START + timedelta(seconds=seconds)
    seen = (watch or Watch()).observe(look, machines, START).observe(look, machines, now)
    return decide(look, machines, seen, BOUNDS, stack="scrapr", now=now)


def test_a_machine_is_made_when_replicas_wait_for_room() -> None:
    look = Look(tasks=(waiting(),), nodes=(MANAGER,))
    assert step_after(19, look) is None
    assert step_after(20, look) == Grow("scrapr-grown-1", "1 replicas have no room")


def test_none_is_made_for_constraints_that_it_would_not_meet() -> None:
    told = "no suitable node (scheduling constraints not satisfied on 1 node)"
    assert step_after(999, Look(tasks=(waiting(told),), nodes=(MANAGER,))) is None


def test_none_is_made_while_one_is_on_its_way_or_there_are_enough() -> None:
    look = Look(tasks=(waiting(),), nodes=(MANAGER,))
    assert step_after(100, look, {"scrapr-grown-1"}) is None
    full = replace(look, nodes=(MANAGER, GROWN, replace(GROWN, id="h", name="scrapr-grown-2")))
    assert step_after(100, full, {"scrapr-grown-1", "scrapr-grown-2"}) is None


def test_there_is_a_pause_between_two_decisions() -> None:
    look = Look(tasks=(waiting(),), nodes=(MANAGER,))
    assert step_after(50, look, watch=Watch(acted_at=START)) is None
    assert step_after(60, look, watch=Watch(acted_at=START)) == Grow(
        "scrapr-grown-1", "1 replicas have no room"
    )


def test_one_that_never_joins_is_removed() -> None:
    look = Look(nodes=(MANAGER,))
    assert step_after(299, look, {"scrapr-grown-1"}) is None
    step = step_after(300, look, {"scrapr-grown-1"})
    assert step == Unmake("scrapr-grown-1", None, "it has not been a ready node for 300 s")


def test_one_that_idles_is_drained_and_then_removed() -> None:
    look = Look(nodes=(MANAGER, GROWN))
    assert step_after(599, look, {GROWN.name}) is None
    assert step_after(600, look, {GROWN.name}) == Drain(GROWN, "it has run nothing for 600 s")
    drained = replace(GROWN, availability="drain")
    step = step_after(0, replace(look, nodes=(MANAGER, drained)), {GROWN.name})
    assert step == Unmake(GROWN.name, drained, "it is drained and runs nothing more")


def test_one_that_works_stays_and_so_does_one_that_was_there_before() -> None:
    look = Look(nodes=(MANAGER, GROWN), tasks=(running(GROWN),))
    assert step_after(9999, look, {GROWN.name}) is None
    assert step_after(9999, Look(nodes=(MANAGER, GROWN))) is None
