"""Tables as they come out on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from tests.system.machine import environment_with

IDENTITY = "6b0be6ae693450a3671ed142"
TABLE = f"""
from scrapr.cli.tables import show_table
columns = ("id", "type", "collection", "state", "source", "ttl", "pool", "container", "revision")
source = "http://example.org/a/rather/long/way/to/the/list.html"
row = ("{IDENTITY}", "scraper", "restaurants", "healthy", source, 300, "default", "scraper-default-0", 1)
show_table(columns, [row])
"""


@pytest.mark.parametrize("width", ["80", "50"])
def test_an_identity_stays_whole_on_a_small_terminal(width: str) -> None:
    master, terminal = pty.openpty()
    subprocess.run(
        [sys.executable, "-c", TABLE],
        stdout=terminal,
        timeout=60,
        env=environment_with({}) | {"COLUMNS": width, "NO_COLOR": "1"},
        check=True,
    )
    shown = os.read(master, 65_536).decode()
    os.close(terminal)
    os.close(master)
    assert IDENTITY in shown
    assert "…" not in shown
