"""Where the items of a run go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from scrapr.model.batch import Batch
from scrapr.model.batch import Run as Ended


class Sink(Protocol):
    """Who takes the items: the datasource, or what stands in for it."""

    async def announce(self, configuration: str, epoch: int, /) -> object:
        """Return when what earlier holders of the claim still send is refused."""

    async def send(self, parcel: Batch | Ended, /) -> object:
        """Return when it is durable."""

    async def send_all(self, batches: Sequence[Batch], /) -> object:
        """Return when all are durable; where they are refused, none of them is kept."""
