"""Each lane finds the same tests, or none of them runs any (pytest-xdist)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.system.machine import environment_with

ROOT = Path(__file__).parents[2]


def test_tests_are_called_the_same_each_time() -> None:
    """Whatever the order of sets is, and the time: both runs begin at another second."""
    assert _collect(seed="1") == _collect(seed="2")


def _collect(*, seed: str) -> list[str]:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    environment = environment_with({"PYTHONHASHSEED": seed})
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stdout[-2000:]
    return [line for line in done.stdout.splitlines() if "::" in line]
