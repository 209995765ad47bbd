"""A role hears of what is written to its database through one change stream, for all in it who wait for that.

A stream looks at every operation of every transaction, of whatever collection. One for each who waits would cost
MongoDB a quarter of what it takes to write.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from scrapr.model.errors import Unavailable
from scrapr.storage.change_stream import Bookmark, watch
from scrapr.storage.mongo import Database, Document

Hear: TypeAlias = Callable[[Document | None], Awaitable[None]]


@dataclass(frozen=True)
class Ear:
    """Who waits for events of a `collection` that `match`, of which it needs `fields`.

    `hear` is told of each, and by None that some may be missing; the next event waits for it. `lost` is told that
    nothing is heard for a while. An ear that `resumes` goes on where the bookmark is.
    """

    collection: str
    match: Document
    hear: Hear
    fields: tuple[str, ...] = ()
    lost: Callable[[], None] | None = None
    resumes: bool = False


class Hearing:
    """All ears of a role."""

    def __init__(self, database: Database, ears: Sequence[Ear], bookmark: Bookmark | None = None) -> None:
        self._database = database
        self._ears = ears
        self._bookmark = bookmark

    async def listen(self) -> None:
        """Hear, until cancelled. Raises `Unavailable`."""
        try:
            if self._bookmark is not None:
                # The others begin with all there is. The stream begins before now, so that nothing falls between.
                await self._tell(None, [ear for ear in self._ears if not ear.resumes])
            async for event in watch(self._database, pipeline_of(self._ears), bookmark=self._bookmark):
                await self._tell(event, self._ears)
        except Unavailable:
            for ear in self._ears:
                if ear.lost is not None:
                    ear.lost()
            raise

    @staticmethod
    async def _tell(event: Document | None, ears: Sequence[Ear]) -> None:
        for ear in ears:
            if event is None or event["ns"]["coll"] == ear.collection:
                await ear.hear(event)


def pipeline_of(ears: Sequence[Ear]) -> list[Document]:
    """What the stream is asked for: first by the collection, which nearly all that is written fails."""
    of = [{"ns.coll": ear.collection, **ear.match} for ear in ears]
    fields = dict.fromkeys(("ns.coll", "documentKey", *(field for ear in ears for field in ear.fields)), 1)
    return [
        {"$match": {"ns.coll": {"$in": [ear.collection for ear in ears]}}},
        {"$match": {"$or": of}},
        {"$project": fields},
    ]
