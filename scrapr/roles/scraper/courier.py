"""The courier takes to the datasource what all runs hand over; what waits while it is on its way travels together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scrapr.client.datasource import DatasourceClient, encode
from scrapr.model.batch import Batch
from scrapr.model.batch import Run as Ended
from scrapr.model.errors import Refused
from scrapr.runtime.convoy import Convoy

WEIGHT_MOST = 2**20
"""Bytes that travel together, unless they are one run's."""


@dataclass(eq=False)
class Parcel:
    """What one run hands over at a time, and why it was refused if it was."""

    batches: Sequence[bytes]
    refusal: Refused | None = None


class Courier:
    """A `Sink`."""

    def __init__(self, datasource: DatasourceClient) -> None:
        self._datasource = datasource
        self._announced: dict[str, int] = {}
        self._convoy: Convoy[Parcel] = Convoy(self._carry, most=WEIGHT_MOST)

    async def announce(self, configuration: str, epoch: int) -> None:
        """Return when earlier holders of the claim are refused; told once for each epoch."""
        if self._announced.get(configuration) != epoch:
            await self._datasource.announce(configuration, epoch)
            self._announced[configuration] = epoch

    async def send(self, parcel: Batch | Ended) -> None:
        """Return when it is durable."""
        if isinstance(parcel, Batch):
            await self.send_all([parcel])
        else:
            await self._datasource.send(parcel)

    async def send_all(self, batches: Sequence[Batch]) -> None:
        """Return when all are durable. What is refused is refused as a whole; it raises as `send` does."""
        parcel = Parcel([encode(batch) for batch in batches])
        await self._convoy.join(parcel, sum(map(len, parcel.batches)))
        if parcel.refusal is not None:
            raise parcel.refusal

    async def _carry(self, parcels: Sequence[Parcel]) -> None:
        try:
            await self._datasource.send_all([batch for parcel in parcels for batch in parcel.batches])
        except Refused as refusal:
            if len(parcels) == 1:
                parcels[0].refusal = refusal
                return
            # Which of them it is, tells taking them one by one.
            for parcel in parcels:
                await self._carry([parcel])
