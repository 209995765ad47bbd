"""The fence: what a late holder of a claim still sends is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from pymongo import ReturnDocument

from scrapr.model.batch import Batch, Run
from scrapr.model.errors import StaleEpoch
from scrapr.roles.datasource import metrics
from scrapr.storage.mongo import Database, translated


class Fence:
    """The greatest epoch seen of each configuration, in MongoDB's `sources`.

    It is read each time, for another replica may have been told of a later holder: what is written before it is
    withdrawn may be reduced in between.
    """

    def __init__(self, database: Database) -> None:
        self._sources = database["sources"]

    async def check(self, given: Iterable[Batch | Run]) -> None:
        """Raise `StaleEpoch` if any is of an epoch that is over."""
        await self._compare(
            {
                (each.configuration, each.epoch)
                for each in given
                if each.configuration is not None and each.epoch is not None
            }
        )

    async def announce(self, configuration: str, epoch: int) -> None:
        """From now on what is of an earlier epoch is refused. Raises `StaleEpoch` if this one is."""
        await self._compare({(configuration, epoch)})

    async def _compare(self, brought: AbstractSet[tuple[str, int]]) -> None:
        greatest = await self._learn(dict(sorted(brought))) if brought else {}
        for configuration, epoch in brought:
            if (known := greatest[configuration]) > epoch:
                metrics.BATCHES.labels("stale").inc()
                raise StaleEpoch(
                    f"Epoch {epoch} of configuration {configuration} is over; its claim is in epoch {known}"
                )

    async def _learn(self, brought: Mapping[str, int]) -> Mapping[str, int]:
        """The greatest epochs, once those that are greater are noted."""
        with translated():
            found = await self._sources.find({"_id": {"$in": list(brought)}}).to_list()
            there = {source["_id"]: source["epoch"] for source in found}
            for configuration, epoch in brought.items():
                if there.get(configuration, -1) < epoch:
                    source = await self._sources.find_one_and_update(
                        {"_id": configuration},
                        {"$max": {"epoch": epoch}},
                        upsert=True,
                        return_document=ReturnDocument.AFTER,
                    )
                    there[configuration] = source["epoch"] if source else epoch
        return there
