"""The fence: what a late holder of a claim still sends is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from pymongo import ReturnDocument

from scrapr.model.batch import Batch, Run
from scrapr.model.errors import StaleEpoch
from scrapr.roles.datasource import metrics
from scrapr.storage.mongo import Database, translated

KNOWN_MOST = 100_000
"""Configurations whose greatest epochs are remembered."""


class Fence:
    """The greatest epoch seen of each configuration, in MongoDB's `sources`, and those that were read here last."""

    def __init__(self, database: Database) -> None:
        self._sources = database["sources"]
        self._known: dict[str, int] = {}

    async def check(self, given: Iterable[Batch | Run], *, anew: bool = False) -> None:
        """Raise `StaleEpoch` if any is of an epoch that is over, as far as this replica knows; `anew`: as any does."""
        await self._compare(
            {
                (each.configuration, each.epoch)
                for each in given
                if each.configuration is not None and each.epoch is not None
            },
            anew=anew,
        )

    async def announce(self, configuration: str, epoch: int) -> None:
        """From now on what is of an earlier epoch is refused. Raises `StaleEpoch` if this one is."""
        await self._compare({(configuration, epoch)}, anew=True)

    async def _compare(self, brought: AbstractSet[tuple[str, int]], *, anew: bool) -> None:
        # What is refused is read anew, too: a restored backup may have taken the epochs back.
        if unknown := {each for each in brought if anew or self._known.get(each[0]) != each[1]}:
            await self._learn(dict(sorted(unknown)))
        for configuration, epoch in brought:
            if (known := self._known.get(configuration, epoch)) > epoch:
                metrics.BATCHES.labels("stale").inc()
                raise StaleEpoch(
                    f"Epoch {epoch} of configuration {configuration} is over; its claim is in epoch {known}"
                )

    async def _learn(self, brought: Mapping[str, int]) -> None:
        """Read the greatest epochs, and note those that are greater."""
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
        if len(self._known) > KNOWN_MOST:
            self._known.clear()
        self._known |= there
