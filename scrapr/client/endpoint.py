"""The endpoint, as its callers see it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict

from scrapr.client.transport import Transport, place
from scrapr.model.errors import Unavailable
from scrapr.model.item import Item
from scrapr.model.times import Time

SILENCE = 60.0
"""Seconds after which a stream counts as lost; an endpoint gives a sign of life several times in it."""
RETRY = 2.0
"""Seconds after which a lost stream is asked for again, where the endpoint did not say."""


class ItemsPage(BaseModel):
    """A page of a collection's items. `next` is the cursor to go on with; `stale` tells of lost contact."""

    model_config = ConfigDict(extra="ignore")

    collection: str
    version: int
    items: tuple[Item, ...]
    total: int
    next: str | None = None
    stale: bool = False
    last_success_at: Time | None = None


class EndpointClient:
    """The public API. Raises the errors of `scrapr.model.errors`."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    async def page(
        self, collection: str, *, limit: int | None = None, cursor: str | None = None
    ) -> ItemsPage:
        """One page of a collection's items."""
        query = {"limit": limit, "cursor": cursor}
        return await self.transport.get(ItemsPage, place("collections", collection, "items"), query)

    async def items(self, collection: str) -> AsyncIterator[Item]:
        """All items of a collection, page by page."""
        page = await self.page(collection)
        while True:
            for item in page.items:
                yield item
            if page.next is None:
                return
            page = await self.page(collection, cursor=page.next)

    async def watch(self, collection: str, *, since: int | None = None) -> AsyncIterator[tuple[str, Any]]:
        """Each `change` of a collection and each `reset`, with its body, after version `since` or from now on.

        A stream that ends is asked for again where it was. Raises `Unavailable` if there is none at first.
        """
        last, retry, known = "", RETRY, False
        while True:
            try:
                async for event in self.transport.listen(
                    place("collections", collection, "changes"),
                    query={"since": since},
                    headers={"Last-Event-ID": last} if last else {},
                    silence=SILENCE,
                ):
                    known, last = True, event.id
                    retry = retry if event.retry is None else event.retry / 1000
                    if event.data:
                        yield event.name, orjson.loads(event.data)
            except Unavailable:
                if not known:
                    raise
            await asyncio.sleep(retry)
