"""What a program did in one run, and what many runs tell together."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

ITEMS = 30
IN_FLIGHT = 8
"""Requests that one run may have at the same time where its links show a pattern: `SCRAPR_SCRAPER_AHEAD` by default."""
PER_HOST_MOST = 64
"""Requests to a host at the same time that the settings allow; one run does not come near it."""


def shape(concurrency: int) -> tuple[int, int]:
    """How many configurations may have so many requests at the same time, and the host's limit for them; 1: one run."""
    return max(1, concurrency // IN_FLIGHT), concurrency if concurrency > 1 else PER_HOST_MOST


@dataclass(frozen=True)
class Work:
    """Pages and items, in how many seconds, with how many seconds of CPU; `others`: CPU of the processes beside it."""

    pages: int
    items: int
    seconds: float
    cpu: float
    others: Mapping[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Pages per second."""
        return self.pages / self.seconds

    @property
    def cost(self) -> float:
        """Milliseconds of CPU per page."""
        return self.cpu / self.pages * 1e3

    def check(self, name: str, pages: int) -> None:
        """End everything if this is not the work of `pages` pages: a figure for less would be a lie."""
        if self.pages != pages or self.items != pages * ITEMS:
            raise SystemExit(
                f"{name} had {self.pages} pages and {self.items} items, not those of {pages} pages"
            )


@dataclass(frozen=True)
class Spread:
    """The median of some numbers, and how far they lie apart."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, numbers: Iterable[float]) -> Spread:
        """Raises `StatisticsError` for none."""
        found = list(numbers)
        return cls(statistics.median(found), min(found), max(found))

    def shown(self, digits: int) -> str:
        """As `1.02 (0.97–1.10)`."""
        return f"{self.median:.{digits}f} ({self.least:.{digits}f}–{self.most:.{digits}f})"
