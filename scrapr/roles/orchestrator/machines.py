"""Whether the cluster needs another machine, or one less: pure, from what waits for room and from what idles."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from scrapr.fleet.nodes import next_name
from scrapr.fleet.service import Node, Task
from scrapr.roles.orchestrator.plan import remaining
from scrapr.roles.orchestrator.scene import Look

INSUFFICIENT = "insufficient resources"
"""How the cluster says that another machine would help; where it names constraints alone, none would."""


@dataclass(frozen=True)
class Grow:
    """Make a machine."""

    name: str
    why: str


@dataclass(frozen=True)
class Drain:
    """Give an idle machine no more tasks."""

    node: Node
    why: str


@dataclass(frozen=True)
class Unmake:
    """Remove a machine, and its node where it has joined."""

    name: str
    node: Node | None
    why: str


Step: TypeAlias = Grow | Drain | Unmake


@dataclass(frozen=True)
class Bounds:
    """How many machines, and how long to wait before what, in seconds; see `NodesSettings`."""

    least: int
    most: int
    full: float
    pause: float
    idle: float
    join: float


@dataclass(frozen=True)
class Watch:
    """Since when what holds; may be lost, which costs patience alone."""

    full_since: datetime | None = None
    idle_since: Mapping[str, datetime] = field(default_factory=dict)
    made_at: Mapping[str, datetime] = field(default_factory=dict)
    """When each machine was first seen, or made."""
    acted_at: datetime | None = None

    def observe(self, look: Look, machines: Collection[str], now: datetime) -> Watch:
        """The memory after a look at the cluster and the provider's machines."""
        full = bool(waiting(look.tasks))
        idle = {each.name for each in look.nodes if each.name in machines and is_idle(each, look.tasks)}
        return replace(
            self,
            full_since=(self.full_since or now) if full else None,
            idle_since={name: self.idle_since.get(name, now) for name in idle},
            made_at={name: self.made_at.get(name, now) for name in machines},
        )


def waiting(tasks: Collection[Task]) -> list[Task]:
    """The replicas that wait for room which another machine would have."""
    return [each for each in tasks if each.is_without_room and INSUFFICIENT in each.message]


def is_idle(node: Node, tasks: Collection[Task]) -> bool:
    """Whether a node runs no replica of ours, nor is to."""
    return not any(task.node == node.id and not task.is_over for task in tasks)


def decide(
    look: Look, machines: Collection[str], watch: Watch, bounds: Bounds, *, stack: str, now: datetime
) -> Step | None:
    """The next step, one at a time; None where all is well, or patience is asked for."""
    nodes = {each.name: each for each in look.nodes}
    for name in sorted(machines):
        if step := _finish(name, nodes.get(name), look, watch, bounds, now):
            return step
    if watch.acted_at is not None and remaining(watch.acted_at, bounds.pause, now):
        return None
    return _grow(look, machines, watch, bounds, stack, now) or _shrink(look, machines, watch, bounds, now)


def _finish(
    name: str, node: Node | None, look: Look, watch: Watch, bounds: Bounds, now: datetime
) -> Unmake | None:
    """A machine that is drained and empty goes; so does one that never joined, or is lost."""
    if node is not None and node.availability == "drain" and is_idle(node, look.tasks):
        return Unmake(name, node, "it is drained and runs nothing more")
    lost = node is None or node.state == "down"
    if lost and not remaining(watch.made_at.get(name, now), bounds.join, now):
        return Unmake(name, node, f"it has not been a ready node for {bounds.join:g} s")
    return None


def _grow(
    look: Look, machines: Collection[str], watch: Watch, bounds: Bounds, stack: str, now: datetime
) -> Grow | None:
    short = waiting(look.tasks)
    if not short or watch.full_since is None or remaining(watch.full_since, bounds.full, now):
        return None
    ready = {each.name for each in look.nodes if each.is_open}
    if len(machines) >= bounds.most or not set(machines) <= ready:
        return None  # as many as may be, or one is on its way
    return Grow(
        next_name(stack, {*machines, *(each.name for each in look.nodes)}),
        f"{len(short)} replicas have no room",
    )


def _shrink(
    look: Look, machines: Collection[str], watch: Watch, bounds: Bounds, now: datetime
) -> Drain | None:
    if len(machines) <= bounds.least or any(each.is_without_room for each in look.tasks):
        return None
    for node in look.nodes:
        since = watch.idle_since.get(node.name)
        if since is not None and node.is_open and not remaining(since, bounds.idle, now):
            return Drain(node, f"it has run nothing for {bounds.idle:g} s")
    return None
