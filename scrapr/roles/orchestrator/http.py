"""The orchestrator's routes."""

from __future__ import annotations

import socket

import psutil
from pydantic import BaseModel, ConfigDict

from scrapr.roles.orchestrator.report import PoolsReport
from scrapr.roles.orchestrator.service import Orchestrator
from scrapr.web.call import Call
from scrapr.web.routes import Route


class Node(BaseModel):
    """A machine on which replicas run. `cpus` are logical ones; memory is in bytes."""

    model_config = ConfigDict(frozen=True)

    name: str
    cpus: int
    memory: int
    memory_available: int
    replicas: int


class Nodes(BaseModel):
    """All machines of the fleet."""

    model_config = ConfigDict(frozen=True)

    nodes: tuple[Node, ...]


def routes(orchestrator: Orchestrator) -> tuple[Route, ...]:
    """`/pools` and `/nodes`."""

    async def pools(_: Call) -> PoolsReport:
        return await orchestrator.report()

    async def nodes(_: Call) -> Nodes:
        return Nodes(nodes=(_this_machine(await orchestrator.count_replicas()),))

    return (
        Route("GET", "/pools", pools, "What should run, what runs, and why not", answer=PoolsReport),
        Route("GET", "/nodes", nodes, "The machines on which replicas run", answer=Nodes),
    )


def _this_machine(replicas: int) -> Node:
    memory = psutil.virtual_memory()
    return Node(
        name=socket.gethostname(),
        cpus=psutil.cpu_count() or 1,
        memory=memory.total,
        memory_available=memory.available,
        replicas=replicas,
    )
