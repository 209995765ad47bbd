"""The endpoint, as its callers see it."""

from __future__ import annotations

from collections.abc import AsyncIterator

from pydantic import BaseModel, ConfigDict

from scrapr.client.transport import Transport
from scrapr.model.item import Item
from scrapr.model.times import Time


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
        return await self.transport.get(ItemsPage, f"/v1/collections/{collection}/items", query)

    async def items(self, collection: str) -> AsyncIterator[Item]:
        """All items of a collection, page by page."""
        page = await self.page(collection)
        while True:
            for item in page.items:
                yield item
            if page.next is None:
                return
            page = await self.page(collection, cursor=page.next)
