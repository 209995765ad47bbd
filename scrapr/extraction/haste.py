"""Extraction where others wait: it ends early rather than late, and is then made again where nobody waits."""

from __future__ import annotations

import time

TAGS_MOST = 4000
"""Tags of a page that is read in haste: nested to the worst, lexbor parses them in 25 ms."""
SECONDS_MOST = 0.01
"""Of the thread's CPU time, after which no other step is begun; one step more takes 15 ms at the worst."""
VISITS_MOST = 1_000_000
"""Elements times tags of a step, which are visited if the elements are all within each other: 12 ms."""


class Overdue(Exception):
    """The page takes longer than others can wait."""


class Haste:
    """How much of the time that others wait is left, from now on, for a page of so many tags."""

    __slots__ = ("_computed", "_passed", "_tags")

    def __init__(self, tags: int) -> None:
        self._tags = tags
        self._computed = time.thread_time() + SECONDS_MOST
        self._passed = time.perf_counter() + SECONDS_MOST

    def begin(self, elements: int = 1) -> None:
        """Say that a step from so many elements comes next. Raises `Overdue` if it had better not."""
        if elements * self._tags > VISITS_MOST or self._is_over:
            raise Overdue

    @property
    def _is_over(self) -> bool:
        # What the clock says is cheap to know, but on a busy machine it passes for others, too.
        return time.perf_counter() > self._passed and time.thread_time() > self._computed
