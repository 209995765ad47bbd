"""The orchestrator's routes."""

from __future__ import annotations

from typing import Protocol

from scrapr.roles.orchestrator.nodes import Nodes
from scrapr.roles.orchestrator.report import PoolsReport
from scrapr.web.call import Call
from scrapr.web.routes import Route


class Reporter(Protocol):
    """Tells what should run and what runs, on one machine or on many."""

    async def report(self) -> PoolsReport:
        """The pools."""

    async def nodes(self) -> Nodes:
        """The machines; raises `Unavailable`."""


def routes(reporter: Reporter) -> tuple[Route, ...]:
    """`/pools` and `/nodes`."""

    async def pools(_: Call) -> PoolsReport:
        return await reporter.report()

    async def nodes(_: Call) -> Nodes:
        return await reporter.nodes()

    return (
        Route("GET", "/pools", pools, "What should run, what runs, and why not", answer=PoolsReport),
        Route("GET", "/nodes", nodes, "The machines on which replicas run", answer=Nodes),
    )
