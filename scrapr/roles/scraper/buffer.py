"""What one run has read and not handed over yet: some pages, and some bytes of items."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from scrapr.roles.scraper.walk import Found


class Buffer(asyncio.Queue[Found | None]):
    """A queue that is full at `pages`, or at `most` bytes of items; what is put last may go beyond. None ends it."""

    def __init__(self, *, pages: int, most: int) -> None:
        super().__init__(pages)
        self._most = most
        self._weight = 0

    def full(self) -> bool:
        """Whether who puts something in has to wait."""
        return super().full() or self._weight >= self._most

    def take_waiting(self) -> Iterator[Found]:
        """All that is there; the end stays."""
        while not self.empty():
            found = self.get_nowait()
            if found is None:
                self.put_nowait(None)
                return
            yield found

    def _put(self, item: Found | None) -> None:
        super()._put(item)
        self._weight += item.weight if item is not None else 0

    def _get(self) -> Found | None:
        item = super()._get()
        self._weight -= item.weight if item is not None else 0
        return item
