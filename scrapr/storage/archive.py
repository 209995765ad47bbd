"""A role's whole database as a stream of BSON, as it was at one moment, and back with a look at what came of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, cast

import bson
from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError, InvalidOperation, OperationFailure

from scrapr.model.backup import Part, Parts
from scrapr.model.errors import Conflict, Damaged, Unavailable
from scrapr.storage import frames
from scrapr.storage.frames import Tally
from scrapr.storage.mongo import Collection, Database, Document, translated

SNAPSHOT_GONE = 239


class Archive:
    """`live` names the collections, in the order in which they can be put back while the role is at work, and those
    of their fields that it may change at once, None for any; `expiring` are those whose documents may go at once.
    """

    def __init__(
        self, database: Database, live: Mapping[str, Sequence[str] | None], *, expiring: Sequence[str] = ()
    ) -> None:
        self._database = database
        self._live = live
        self._expiring = expiring

    async def dump(self) -> AsyncIterator[bytes]:
        """All collections as of one moment, each in the order of its ids. Raises `Unavailable`."""
        tallies = {name: Tally() for name in self._live}
        try:
            with translated():
                async with self._database.client.start_session(snapshot=True) as session:
                    for name, tally in tallies.items():
                        found = self._database[name].find_raw_batches({}, sort=[("_id", 1)], session=session)
                        # Typed as documents, it gives what the server sent: many of them, as bytes.
                        async for piece in cast("AsyncIterator[bytes]", found):
                            if piece:
                                tally.add(piece)
                                yield frames.frame(name, piece)
        except OperationFailure as error:
            if error.code != SNAPSHOT_GONE:
                raise
            raise Unavailable(
                "The backup takes longer than MongoDB keeps a moment; raise its minSnapshotHistoryWindowInSeconds"
            ) from error
        yield frames.last(Parts(parts={name: tally.part for name, tally in tallies.items()}))

    async def load(self, stream: AsyncIterator[bytes]) -> Parts:
        """Put back what a stream tells, and read each piece again. Raises `Conflict` where there is data already, and
        `Damaged` for what is not as it must be."""
        await self._refuse_unless_empty()
        tallies = {name: Tally() for name in self._live}
        async for each in frames.read(stream):
            if isinstance(each, Parts):
                _check(tallies, each.parts)
                return Parts(parts={name: tally.part for name, tally in tallies.items()})
            name, piece = each
            _own(name, tallies)
            tallies[name].add(piece)
            tallies[name].expired += await self._put(name, piece)
        raise AssertionError("unreachable: a stream ends with its parts, or is damaged")

    async def _refuse_unless_empty(self) -> None:
        for name in self._live:
            with translated():
                found = await self._database[name].find_one({}, {"_id": 1})
            if found is not None:
                raise Conflict(
                    f"There are {name} here already; a backup is restored where there is nothing yet, as into a "
                    "fresh `scrapr up`"
                )

    async def _put(self, name: str, piece: bytes) -> int:
        """Insert a piece and read it again; tells how many of its documents were past their time."""
        documents = list(frames.split(piece))
        try:
            with translated():
                await self._database[name].insert_many(map(RawBSONDocument, documents), ordered=False)
        except (BulkWriteError, InvalidOperation, bson.errors.InvalidBSON) as error:
            raise Damaged(f"A piece of {name} cannot be put back: {str(error)[:500]}") from error
        wanted = [_decode(document) for document in documents]
        again = await self._read(self._database[name], wanted)
        missing = 0
        for document in wanted:
            found = again.get(_key(document))
            if found is None:
                missing += 1
            elif (apart := self._live[name]) is not None and not _same(document, found, apart):
                raise Damaged(f"{name} {document['_id']!r} is not what was put back")
        if missing and name not in self._expiring:
            raise Damaged(f"{missing} documents of {name} are not there after they were put back")
        return missing

    async def _read(self, collection: Collection, wanted: Sequence[Document]) -> dict[bytes, Document]:
        between = {"$gte": wanted[0]["_id"], "$lte": wanted[-1]["_id"]}
        found: dict[bytes, Document] = {}
        with translated():
            raw = cast("AsyncIterator[bytes]", collection.find_raw_batches({"_id": between}))
            async for piece in raw:
                found |= {_key(each): each for each in map(_decode, frames.split(piece))}
        return found


def _decode(document: bytes) -> Document:
    try:
        return bson.decode(document)
    except bson.errors.InvalidBSON as error:
        raise Damaged(f"A document of the backup cannot be read: {error}") from error


def _key(document: Document) -> bytes:
    return bson.encode({"_id": document["_id"]})


def _same(one: Document, other: Document, apart: Sequence[str]) -> bool:
    def rest(document: Document) -> dict[str, Any]:
        return {name: value for name, value in document.items() if name not in apart}

    return rest(one) == rest(other)


def _own(name: str, tallies: Mapping[str, Tally]) -> None:
    if name not in tallies:
        raise Damaged(f"The backup holds {name[:100]!r}, which is nothing of this role's")


def _check(tallies: Mapping[str, Tally], told: Mapping[str, Part]) -> None:
    for name in told:
        _own(name, tallies)
    for name, tally in tallies.items():
        if (wanted := told.get(name)) is None:
            raise Damaged(f"The backup tells nothing of {name}")
        if (wanted.documents, wanted.sha256) != (tally.documents, tally.part.sha256):
            raise Damaged(f"What came of {name} is not what the backup says that it holds")
