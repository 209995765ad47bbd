"""The processes of a browser: those that have a mark in their command line, and all that they started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import psutil

MEBIBYTE = 2**20


def kill(mark: str) -> None:
    """Kill all of them."""
    for process in _find(mark):
        with suppress(psutil.Error):
            process.kill()


def limit(mark: str, most: int) -> None:
    """Let none of them take more than `most` bytes; those that they start for pages inherit it."""
    # Chromium's processes crash at their start under a limit that is no number of pages.
    most -= most % MEBIBYTE
    for process in _find(mark):
        with suppress(psutil.NoSuchProcess):
            process.rlimit(psutil.RLIMIT_DATA, (most, most))


def _find(mark: str) -> Iterator[psutil.Process]:
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if mark in process.cmdline():
                yield from (*process.children(recursive=True), process)
