"""Where in a configuration the compiler is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from scrapr.extraction.finding import Start

DOCUMENT = Start()
"""The whole page."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where in the configuration the compiler is, and what that means for the page."""

    field: str
    """For errors: `scraper.selector[0].title`."""
    path: str = ""
    """For counts: `title`, `address.city`; empty for the whole selector."""
    start: Start = DOCUMENT
    depth: int = 0
    follows: int = 0

    def inner(self, field: str, **changes: Any) -> Spot:
        return replace(self, field=self.field + field, depth=self.depth + 1, **changes)

    def named(self, name: str) -> str:
        """The path of a part of this spot."""
        return f"{self.path}.{name}" if self.path else name
