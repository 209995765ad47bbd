"""Commands that start processes: everything on this machine, the demo, or one role."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

PortBase = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=65531,
        help="First of the five ports of the roles; without it, SCRAPR_FLEET_PORT_BASE, else 3000.",
    ),
]


class RoleName(StrEnum):
    """The five roles."""

    config = "config"
    orchestrator = "orchestrator"
    scraper = "scraper"
    datasource = "datasource"
    endpoint = "endpoint"


def up(
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder of everything that is kept; without it, SCRAPR_EMBEDDED_DATA, else scrapr-data."
        ),
    ] = None,
    port_base: PortBase = None,
) -> None:
    """Start everything on this machine: MongoDB, Redis and all five roles. Ctrl-C stops it.

    Exit codes: 0 asked to stop, 1 failed, 2 refused, 3 a deadline of the stop passed.
    """
    from scrapr.cli.supervision import run_machine

    raise typer.Exit(run_machine(data, port_base))


def demo(
    once: Annotated[bool, typer.Option("--once", help="Show the data and end.")] = False,
    port_base: PortBase = None,
) -> None:
    """Scrape a bundled site of a few pages with everything real, and show the data."""
    from scrapr.demo.show import run_demo

    raise typer.Exit(run_demo(port_base, once=once))


def run(role: Annotated[RoleName, typer.Option(help="What this process is.")]) -> None:
    """Be one role until asked to stop (SIGTERM or Ctrl-C); a second signal kills.

    Exit codes: 0 asked to stop, 1 failed, 2 wrong settings, 3 a drain deadline passed.
    """
    from scrapr.bootstrap.life import run_role

    sys.exit(run_role(role.value, {}))


def zygote(socket: Annotated[Path, typer.Option(help="Unix socket on which to take requests.")]) -> None:
    """Preload everything, and fork replicas on request."""
    from scrapr.bootstrap.life import run_zygote

    run_zygote(socket)
