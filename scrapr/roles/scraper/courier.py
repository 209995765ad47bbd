"""The courier takes to the datasource what all runs hand over; what waits while it is on its way travels together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scrapr.client.datasource import DatasourceClient, encode
from scrapr.model.batch import Batch
from scrapr.model.batch import Run as Ended
from scrapr.model.errors import Refused, ScraprError

WEIGHT_MOST = 2**20
"""Bytes that travel together, unless they are one run's."""


@dataclass(eq=False)
class Parcel:
    """What one run hands over at a time; `outcome` once it is over, with the error if it was refused."""

    batches: Sequence[bytes]
    outcome: tuple[ScraprError | None] | None = None

    @property
    def weight(self) -> int:
        """Bytes."""
        return sum(map(len, self.batches))


class Courier:
    """A `Sink`. One request is under way at a time; what finds none leaves at once, without waiting for company.

    Whoever hands something over and finds no request under way makes the next one, for all who wait.
    """

    def __init__(self, datasource: DatasourceClient) -> None:
        self._datasource = datasource
        self._waiting: deque[Parcel] = deque()
        self._making = asyncio.Lock()

    async def send(self, parcel: Batch | Ended) -> None:
        """Return when it is durable."""
        if isinstance(parcel, Batch):
            await self.send_all([parcel])
        else:
            await self._datasource.send(parcel)

    async def send_all(self, batches: Sequence[Batch]) -> None:
        """Return when all are durable. What is refused is refused as a whole; it raises as `send` does."""
        parcel = Parcel([encode(batch) for batch in batches])
        self._waiting.append(parcel)
        try:
            async with self._making:
                while parcel.outcome is None:
                    await self._carry(list(self._load()))
        finally:
            if parcel in self._waiting:
                self._waiting.remove(parcel)
        if (error := parcel.outcome[0]) is not None:
            raise error

    def _load(self) -> Iterator[Parcel]:
        weight = 0
        while self._waiting and (not weight or weight + self._waiting[0].weight <= WEIGHT_MOST):
            weight += self._waiting[0].weight
            yield self._waiting.popleft()

    async def _carry(self, parcels: Sequence[Parcel]) -> None:
        """Take them all, and note what became of each; what is not over when this is cancelled waits again."""
        try:
            outcome = await self._try(parcels)
            if len(parcels) > 1 and isinstance(outcome, Refused):
                # Which of them it is, tells taking them one by one.
                for parcel in parcels:
                    parcel.outcome = (await self._try([parcel]),)
            else:
                for parcel in parcels:
                    parcel.outcome = (outcome,)
        finally:
            self._waiting.extendleft(parcel for parcel in reversed(parcels) if parcel.outcome is None)

    async def _try(self, parcels: Sequence[Parcel]) -> ScraprError | None:
        try:
            await self._datasource.send_all([batch for parcel in parcels for batch in parcel.batches])
        except ScraprError as error:
            return error
        return None
