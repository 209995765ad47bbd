"""The datasource's routes: batches in, records and changes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, RootModel

from scrapr.model.batch import Announcement, Batch, Epoch, Receipt, Receipts, Run, Runs
from scrapr.model.change import VERSION_MOST, Change, Changes
from scrapr.model.collection import Collections
from scrapr.model.item import Item
from scrapr.model.moment import Moment
from scrapr.model.quarantine import Quarantine, Replay, Replayed
from scrapr.model.record import Records
from scrapr.model.validation import parse, read_json
from scrapr.roles.datasource import intake
from scrapr.roles.datasource.care import Care
from scrapr.roles.datasource.inbox import Inbox
from scrapr.roles.datasource.intake import TOGETHER
from scrapr.roles.datasource.past import Past
from scrapr.roles.datasource.quarantine import QuarantineStore
from scrapr.roles.datasource.store import Store
from scrapr.web.call import Call
from scrapr.web.routes import Route

PAGE_MOST = 10_000
Limit = Annotated[int, Field(ge=1, le=PAGE_MOST, description="how many at most")]


class Submission(RootModel[Run | Batch | Annotated[list[Batch], Field(min_length=1, max_length=TOGETHER)]]):
    """What may be posted: a batch, or with `finished` the end of a run, or several batches together."""


class Acknowledgement(RootModel[Receipt | Receipts]):
    """The receipt; for several batches their receipts, in the same order."""


class RecordsQuery(BaseModel):
    """Which page of a collection's records."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    after: Annotated[
        int,
        Field(ge=0, le=VERSION_MOST, description="go on after the record that was created as this version"),
    ] = 0
    limit: Limit | None = None
    at: Annotated[
        Moment | None,
        Field(
            description="as it was: a version, or a time; for more pages the version answered to the first"
        ),
    ] = None


class ChangesQuery(BaseModel):
    """Which stretch of a collection's changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: Annotated[
        int,
        Field(
            ge=0,
            le=VERSION_MOST,
            description="the version that the caller has; one from before what is kept is refused with 410, one ahead "
            "of the collection is answered with a `latest` below it",
        ),
    ] = 0
    limit: Limit = 1000


class HistoryQuery(BaseModel):
    """How much of a record's history."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: Limit = 1000


class RunsQuery(BaseModel):
    """Which runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    configuration: str | None = None
    collection: str | None = None
    limit: Annotated[int, Field(ge=1, le=1000, description="how many at most")] = 20


class QuarantineQuery(BaseModel):
    """Which page of a collection's quarantine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    after: Annotated[str, Field(max_length=300, description="go on after the item with this id")] | None = (
        None
    )
    limit: Limit = 1000


class History(BaseModel):
    """The changes of one record, oldest first."""

    collection: str
    key: str
    changes: tuple[Change, ...]


def routes(
    inbox: Inbox,
    store: Store,
    past: Past,
    quarantine: QuarantineStore,
    care: Care,
    *,
    arrived: Callable[[str], None],
) -> tuple[Route, ...]:
    """All routes of the role; `arrived` hears of the collections for which something came."""
    return (
        *_taking(inbox, arrived),
        *_reading(_Readers(store, past)),
        *_quarantining(quarantine),
        *care.routes,
    )


def _taking(inbox: Inbox, arrived: Callable[[str], None]) -> tuple[Route, ...]:
    async def accept(call: Call) -> Receipt | Receipts:
        text = await call.read()
        given = intake.understand(read_json(text), text, newer=call.newer)
        try:
            if isinstance(given, Batch | Run):
                return await inbox.accept(given)
            return Receipts(receipts=await inbox.accept_all(given))
        finally:
            # Even of what failed, something may have been kept.
            for collection in {each.collection for each in (given if isinstance(given, tuple) else (given,))}:
                arrived(collection)

    async def announce(call: Call) -> None:
        epoch = (await call.body(Epoch)).epoch
        told = parse(Announcement, {"configuration": call.place("configuration"), "epoch": epoch})
        await inbox.announce(told.configuration, told.epoch)

    return (
        Route(
            "POST",
            "/items",
            accept,
            "Take a batch of items, several batches, or the end of a run; durable when answered. What is refused "
            "is refused as a whole",
            body=Submission,
            answer=Acknowledgement,
            refusals=(409,),
        ),
        Route(
            "PUT",
            "/epochs/{configuration}",
            announce,
            "A configuration's claim has a new holder: from now on what earlier ones send is refused",
            body=Epoch,
            status=204,
            refusals=(409,),
        ),
    )


def _quarantining(quarantine: QuarantineStore) -> tuple[Route, ...]:
    async def show(call: Call) -> Quarantine:
        query = call.query(QuarantineQuery)
        return await quarantine.show(call.place("collection"), after=query.after, limit=query.limit)

    async def replay(call: Call) -> Replayed:
        wish = await call.body(Replay) if call.request.body_exists else Replay()
        return await quarantine.replay(call.place("collection"), wish)

    return (
        Route(
            "GET",
            "/collections/{collection}/quarantine",
            show,
            "Items that became no records, each with the reasons",
            query=QuarantineQuery,
            answer=Quarantine,
            refusals=(404,),
        ),
        Route(
            "POST",
            "/collections/{collection}/quarantine/replay",
            replay,
            "Judge items in quarantine again, by new rules; those that pass are reduced",
            body=Replay,
            answer=Replayed,
            refusals=(404, 409),
        ),
    )


class _Readers:
    def __init__(self, store: Store, past: Past) -> None:
        self._store = store
        self._past = past

    async def collections(self, call: Call) -> Collections | web.Response:
        """All collections; without a version in the path their names alone."""
        found = await self._store.list_collections()
        return found if call.versioned else _bare([collection.name for collection in found.collections])

    async def records(self, call: Call) -> Records | web.Response:
        """A page of records; without a version in the path as the bare array of the thesis."""
        query = call.query(RecordsQuery)
        limit = query.limit or (1000 if call.versioned else PAGE_MOST)
        collection = call.place("collection")
        if query.at is None:
            page = await self._store.records(collection, after=query.after, limit=limit)
        else:
            page = await self._past.records(collection, query.at, after=query.after, limit=limit)
        if call.versioned:
            return page
        answer = _bare([record.public() for record in page.records])
        if page.next is not None:
            moment = {} if query.at is None else {"at": page.version}
            following = call.request.rel_url.update_query(after=page.next, **moment)
            answer.headers["Link"] = f'<{following}>; rel="next"'
        return answer

    async def changes(self, call: Call) -> Changes:
        """A stretch of changes."""
        query = call.query(ChangesQuery)
        return await self._store.changes(call.place("collection"), since=query.since, limit=query.limit)

    async def history(self, call: Call) -> History:
        """The changes of one record."""
        collection, key = call.place("collection"), call.place("key")
        changes = await self._store.history(collection, key, limit=call.query(HistoryQuery).limit)
        return History.model_construct(collection=collection, key=key, changes=changes)

    async def runs(self, call: Call) -> Runs:
        """The newest runs."""
        query = call.query(RunsQuery)
        return await self._store.runs(
            configuration=query.configuration, collection=query.collection, limit=query.limit
        )


def _reading(readers: _Readers) -> tuple[Route, ...]:
    return (
        Route("GET", "/collections", readers.collections, "All collections", answer=Collections),
        Route(
            "GET",
            "/collections/{collection}",
            readers.records,
            "A collection's records, now or as they were, page by page, in the order of their creation",
            query=RecordsQuery,
            answer=Records,
            refusals=(404, 410),
        ),
        Route(
            "GET",
            "/collections/{collection}/changes",
            readers.changes,
            "A collection's changes after a version",
            query=ChangesQuery,
            answer=Changes,
            refusals=(404, 410),
        ),
        Route(
            "GET",
            "/collections/{collection}/records/{key}/history",
            readers.history,
            "The newest changes of one record, oldest first",
            query=HistoryQuery,
            answer=History,
            refusals=(404,),
        ),
        Route("GET", "/runs", readers.runs, "The newest runs", query=RunsQuery, answer=Runs),
    )


def _bare(value: Sequence[Item] | Sequence[str]) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")
