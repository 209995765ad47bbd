"""The machines on which replicas run, as others read of them."""

from __future__ import annotations

import socket
from collections.abc import Mapping

import psutil
from pydantic import BaseModel, ConfigDict

from scrapr.model.times import Time
from scrapr.roles.orchestrator.scene import Look


class Node(BaseModel):
    """A machine on which replicas run. `cpus` are logical ones; memory is in bytes.

    `state` and `availability` are in the cluster's words; a machine that stands alone is ready and active.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    role: str = "worker"
    state: str = "ready"
    availability: str = "active"
    labels: Mapping[str, str] = {}
    cpus: float
    memory: int
    memory_available: int | None = None
    """Of this machine alone: a cluster does not tell it of its nodes."""
    replicas: int
    """Those of the pools that run on it."""


class Decision(BaseModel):
    """What the orchestrator did, or would do, so that the cluster grows or shrinks, and why."""

    model_config = ConfigDict(frozen=True)

    at: Time
    what: str
    why: str


class Nodes(BaseModel):
    """All machines of the fleet, and the newest decisions about their number and that of replicas."""

    model_config = ConfigDict(frozen=True)

    nodes: tuple[Node, ...]
    decisions: tuple[Decision, ...] = ()


def this_machine(replicas: int) -> Node:
    """The only machine, where there is no cluster."""
    memory = psutil.virtual_memory()
    return Node(
        name=socket.gethostname(),
        role="manager",
        cpus=psutil.cpu_count() or 1,
        memory=memory.total,
        memory_available=memory.available,
        replicas=replicas,
    )


def describe(look: Look) -> tuple[Node, ...]:
    """The machines of a cluster."""
    running = [task.node for task in look.tasks if task.state == "running"]
    return tuple(
        Node(
            name=each.name,
            role=each.role,
            state=each.state,
            availability=each.availability,
            labels=each.labels,
            cpus=each.cpus,
            memory=each.memory,
            replicas=running.count(each.id),
        )
        for each in sorted(look.nodes, key=lambda each: each.name)
    )
