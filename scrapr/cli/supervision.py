"""`scrapr up`: everything on this machine, until asked to stop."""

from __future__ import annotations

import asyncio
from pathlib import Path

from scrapr import settings as all_settings
from scrapr.bootstrap.table import ROLES
from scrapr.bootstrap.whole import open_machine
from scrapr.runtime import log as logs
from scrapr.runtime import terminal
from scrapr.runtime.lifecycle import Exit
from scrapr.runtime.signals import stop_on_signals

READY_WITHIN = 60.0
"""Seconds after which roles that are not ready are a failure; seldom more than five."""


def run_machine(data: Path | None, port_base: int | None) -> int:
    """Start everything, say where it is, and run until asked to stop; returns the exit code (`Exit`).

    The settings say what is not given.
    """
    settings = all_settings.load()
    logs.configure(settings.log, role="up")
    return asyncio.run(_run(settings, data or settings.embedded.data, port_base or settings.fleet.port_base))


async def _run(settings: all_settings.Settings, data: Path, port_base: int) -> int:
    stop = asyncio.Event()
    stop_on_signals(stop, lambda _: _say("stopping (Ctrl-C again kills)"))
    async with (
        open_machine(settings, data=data, port_base=port_base) as machine,
        asyncio.TaskGroup() as group,
    ):
        running = group.create_task(machine.run(stop))
        ready = group.create_task(machine.ready(READY_WITHIN))
        await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            _tell(data, port_base)
        ready.cancel()
    _say("stopped")
    return Exit.DEADLINE if machine.late else Exit.ASKED


def _say(line: str) -> None:
    """Print, also when nobody reads any more: the stop goes on without a terminal."""
    try:
        print(line, flush=True)
    except OSError:
        terminal.let_go_of_dead()


def _tell(data: Path, port_base: int) -> None:
    base = port_base - min(entry.port for entry in ROLES.values())
    option = "" if base == 0 else f" --port-base {port_base}"
    print(f"scrapr is ready; its data and logs are under {data}")
    for name, entry in ROLES.items():
        print(f"  {name:<13} http://127.0.0.1:{entry.port + base}")
    print(f"Next: scrapr add FILE.json{option} · scrapr status{option} · Ctrl-C stops everything")
