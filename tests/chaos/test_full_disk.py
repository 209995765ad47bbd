"""The disk under mongod fills up: batches are refused with the reason, and taken again when there is room."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chaos.conftest import Extent
from tests.chaos.flow import flowing
from tests.chaos.town import HASTY, Town
from tests.components import require
from tests.system.machine import ROLES, free_port_base, running, wait_for

MEGABYTE = 1 << 20
SIZE = 900
LEAST = 100
"""Megabytes that the datasource keeps free."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of the test's own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "none", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    require("mount", done.stderr.strip() or None)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def filled(disk: Path, *, but: int) -> Iterator[None]:
    """A file takes all the room but so many megabytes."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        there = os.statvfs(disk)
        left = there.f_bavail * there.f_frsize // MEGABYTE - but
        # Piece by piece: mongod takes its share of what is left meanwhile.
        with suppress(OSError):
            for piece in range(left):
                os.posix_fallocate(file.fileno(), piece * MEGABYTE, MEGABYTE)
    try:
        yield
    finally:
        ballast.unlink()


def test_a_full_disk_is_told_and_survived(
    disk: Path, extent: Extent, dice: random.Random, tell: list[str]
) -> None:
    settings: dict[str, Any] = {**HASTY, "SCRAPR_DATASOURCE_ROOM_MB": str(LEAST)}
    with running(disk / "data", port_base=free_port_base(), terminal=None, **settings) as machine:
        town = Town({role: [machine.url(role)] for role in ROLES}, machine.processes, machine)
        with flowing(town, "disk", seed=dice.random(), shops=1, goods=100, items=1_000_000) as flow:
            wait_for(lambda: flow.items > 200, 60)
            with filled(disk, but=LEAST // 2):
                told = wait_for(lambda: refusal(town), 60)
                assert (told.status_code, told.headers["Content-Type"]) == (503, "application/problem+json")
                assert f"allowed: at least {LEAST} MB" in told.json()["detail"]
                assert int(told.headers["Retry-After"]) > 0
                # Reading goes on, and so does mongod.
                assert town.ask("endpoint", "/v1/collections/disk-0/items")["items"]
            count = flow.items
            wait_for(lambda: flow.items > count, 60)
            with filled(disk, but=0):
                wait_for(lambda: refusal(town), 60)
            count = flow.items
            wait_for(lambda: flow.items > count, 120)
            flow.settle(within=extent.patience)
            tell.append("disk full: survived")


def refusal(town: Town) -> httpx.Response | None:
    """The answer to a batch, if it is refused."""
    body = {"collection": "refused", "data": []}
    try:
        answer = httpx.post(town.urls["datasource"][0] + "/v1/items", json=body, timeout=30)
    except httpx.TransportError:
        return None
    return answer if answer.status_code == 503 else None
