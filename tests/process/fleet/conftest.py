"""A real zygote for each test."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from scrapr.fleet import processes
from scrapr.fleet.companion import Companion
from scrapr.fleet.processes import Processes

SCRIPT = Path(__file__).with_name("zygote_script.py")


@dataclass(frozen=True)
class Den:
    """A running zygote and its client."""

    fleet: Processes
    process: Companion
    socket: Path


@pytest.fixture
def command() -> Callable[..., list[str]]:
    """The command of the tests' zygote at a socket."""
    return lambda socket, *more: [sys.executable, str(SCRIPT), str(socket), *more]


@pytest.fixture
def is_alive() -> Callable[[int], bool]:
    """Whether a process runs, a zombie not counted."""

    def alive(pid: int) -> bool:
        try:
            return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    return alive


@pytest.fixture
async def den(tmp_path: Path, command: Callable[..., list[str]]) -> AsyncIterator[Den]:
    """A zygote that answers."""
    socket = tmp_path / "z.sock"
    async with processes.zygote_process(command(socket), socket, output=tmp_path / "zygote.log") as process:
        yield Den(Processes(socket), process, socket)
