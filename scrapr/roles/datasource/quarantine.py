"""The quarantine: what became no record is shown with the reasons, and judged again when the rules have changed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession

from scrapr.model.batch import Batch
from scrapr.model.errors import Conflict
from scrapr.model.quarantine import Quarantine, Quarantined, Replay, Replayed
from scrapr.model.times import now
from scrapr.roles.datasource import arrivals, documents
from scrapr.roles.datasource.ledger import Outrun, transaction
from scrapr.roles.datasource.reduce import sort_out
from scrapr.roles.datasource.standing import Page
from scrapr.roles.datasource.store import Store
from scrapr.storage.mongo import Database, Document, translated


class QuarantineStore:
    """Items by the id of their batch and their place in it, so that the same one is never here twice."""

    def __init__(self, database: Database, store: Store) -> None:
        self._database = database
        self._kept = database["quarantine"]
        self._inbox = database["inbox"]
        self._store = store

    async def show(self, collection: str, *, after: str | None, limit: int) -> Quarantine:
        """A page of a collection's quarantine. Raises `NotFound`."""
        await self._store.collection(collection)
        found = await self._find({"collection": collection}, after, limit)
        with translated():
            total = await self._kept.count_documents({"collection": collection})
        return Quarantine(
            collection=collection,
            total=total,
            items=tuple(_shown(each) for each in found),
            next=_next(found, limit),
        )

    async def replay(self, collection: str, wish: Replay) -> Replayed:
        """Judge items again; those that pass go back to the inbox, and out of quarantine in the same transaction.

        Raises `NotFound`, and `Conflict` where somebody else does the same.
        """
        await self._store.collection(collection)
        query: Document = {"collection": collection}
        if wish.configuration is not None:
            query["configuration"] = wish.configuration
        found = await self._find(query, wish.after, wish.limit)
        run, replayed = f"replay-{uuid.uuid4().hex}", 0
        rules: dict[str | None, Page | None] = {}
        for number, group in enumerate(_groups(found), start=1):
            who = group[0]["configuration"]
            if who not in rules:
                rules[who] = await self._rules(collection, who, wish)
            if (page := rules[who]) is not None:
                replayed += await self._replay(collection, replace(page, run=run), number, group)
        return Replayed(replayed=replayed, left=len(found) - replayed, next=_next(found, wish.limit))

    async def _find(self, query: Document, after: str | None, limit: int) -> list[Document]:
        place = {} if after is None else {"_id": {"$gt": after}}
        with translated():
            return await self._kept.find({**query, **place}, sort=[("_id", 1)], limit=limit).to_list()

    async def _rules(self, collection: str, who: str | None, wish: Replay) -> Page | None:
        """How the items of a configuration are reduced now, as a page without items; None where nobody knows."""
        newest: Document = {"collection": collection, "order": {"$gt": 0}, "page": {"$gt": 0}}
        with translated():
            found = await self._inbox.find_one(
                {**newest, "configuration": who}, {"data": 0}, sort=[("order", -1)]
            )
        given = {
            name: value for name in ("key", "collect", "fields") if (value := getattr(wish, name)) is not None
        }
        if found is None and "key" not in given:
            return None
        kept = Page("", "", (), now(), who) if found is None else arrivals.page_of({**found, "data": []})
        return replace(kept, source=None, is_alone=False, **given)

    async def _replay(self, collection: str, page: Page, number: int, group: Sequence[Document]) -> int:
        """Replay what passes of one batch's items; the others learn what is wrong with them now."""
        judged = replace(page, items=[documents.plain(each["item"]) for each in group])
        _, aside, _ = sort_out(judged)
        wrong = {
            each.number: [reason.model_dump(exclude_none=True) for reason in each.reasons] for each in aside
        }
        passing = [number for number in range(len(group)) if number not in wrong]
        ids = [group[place]["_id"] for place in passing]
        if passing:
            batch = _batch(collection, judged, number, passing)
            again = {**arrivals.document_of_batch(batch, page.run), "origin": group[0]["order"]}
            await self._move(again, ids)
        for place, reasons in wrong.items():
            if reasons != group[place]["reasons"]:
                with translated():
                    await self._kept.update_one({"_id": group[place]["_id"]}, {"$set": {"reasons": reasons}})
        return len(passing)

    async def _move(self, batch: Document, ids: Sequence[str]) -> None:
        try:
            async with transaction(self._database) as session:
                await self._inbox.insert_one(batch, session=session)
                await self._take_out(ids, session)
        except Outrun as error:
            raise Conflict(
                "The same items are replayed by somebody else just now; see what is left"
            ) from error

    async def _take_out(self, ids: Sequence[str], session: AsyncClientSession) -> None:
        gone = await self._kept.delete_many({"_id": {"$in": ids}}, session=session)
        if gone.deleted_count != len(ids):
            raise Outrun


def _groups(found: Sequence[Document]) -> Iterator[list[Document]]:
    """The items by the batch that they came with."""
    for _, group in groupby(found, key=lambda each: (each["configuration"], each["order"])):
        yield list(group)


def _batch(collection: str, page: Page, number: int, passing: Sequence[int]) -> Batch:
    parts: Mapping[str, Any] = {"key": page.key, "collect": dict(page.collect), "fields": dict(page.fields)}
    return Batch.model_construct(
        collection=collection,
        data=[page.items[place] for place in passing],
        run=page.run,
        page=number,
        configuration=page.configuration,
        epoch=None,
        source=None,
        names=tuple(sorted(page.names)),
        **parts,
    )


def _shown(document: Document) -> Quarantined:
    names = ("run", "configuration", "reasons", "at")
    told = {name: document[name] for name in names}
    return Quarantined(id=document["_id"], item=documents.plain(document["item"]), **told)


def _next(found: Sequence[Document], limit: int) -> str | None:
    return found[-1]["_id"] if len(found) == limit else None
