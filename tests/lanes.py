"""How the tests are spread over processes: file by file, and all that shares the Docker engines to one of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]  # xdist has no types

ENGINES = "tests/cluster/"
TOLD = "told"
"""The name of the property in which a test's report says what the test did, for people to read."""


class Lanes(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """A file's tests share their servers, so one process runs them; the engines are shared by a whole folder."""

    def _split_scope(self, nodeid: str) -> str:
        return ENGINES if nodeid.startswith(ENGINES) else str(super()._split_scope(nodeid))


def told(report: Any) -> Iterator[str]:
    """What a test tells of itself, from the report of its end alone: each report of a test repeats the properties."""
    if getattr(report, "when", "") == "teardown":
        yield from (str(line) for name, line in report.user_properties if name == TOLD)
