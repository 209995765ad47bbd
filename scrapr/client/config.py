"""The config role, as its callers see it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from scrapr.client.transport import Transport, as_kind, place
from scrapr.model.claim import ClaimRequest, Claims
from scrapr.model.configuration import Configuration, Configurations, Draft, Type
from scrapr.model.lease import Lease, LeaseRequest
from scrapr.model.pool import Pool, PoolDraft, Pools


class ConfigClient:
    """Configurations, claims and pools. Raises the errors of `scrapr.model.errors`."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    async def add(self, draft: Draft | dict[str, Any]) -> Configuration:
        """Store a configuration; what is wrong with it is refused by config, not here. An answer that is lost is not
        asked for again: there could be two of it."""
        answer = await self.transport.call("POST", "/v1/configurations", body=draft, once=True)
        return as_kind(Configuration, answer)

    async def configuration(self, identity: str) -> Configuration:
        """One configuration."""
        return await self.transport.get(Configuration, place("configurations", identity))

    async def configurations(
        self, *, of_type: Type | None = None, collection: str | None = None
    ) -> AsyncIterator[Configuration]:
        """All configurations that match, page by page, in the order of their creation."""
        query = {"type": of_type, "collection": collection, "limit": 1000}
        after = None
        while True:
            page = await self.transport.get(Configurations, "/v1/configurations", {**query, "after": after})
            for configuration in page.configurations:
                yield configuration
            if (after := page.next) is None:
                return

    async def page(
        self, *, collection: str | None = None, after: str | None = None, limit: int
    ) -> Configurations:
        """A page of configurations in the order of their creation, after the one with the id `after`."""
        query = {"collection": collection, "after": after, "limit": limit}
        return await self.transport.get(Configurations, "/v1/configurations", query)

    async def replace(self, identity: str, draft: Draft | dict[str, Any]) -> Configuration:
        """Change a configuration; its revision grows if anything is different."""
        return await self.transport.send("PUT", Configuration, place("configurations", identity), draft)

    async def remove(self, identity: str) -> None:
        """Delete a configuration; what it gathered stays."""
        await self.transport.call("DELETE", place("configurations", identity))

    async def claim(self, request: ClaimRequest) -> Claims:
        """Renew what the container holds, take what is free up to its slots, and tell all that it holds now."""
        return await self.transport.send("POST", Claims, "/v1/claims", request)

    async def release(self, container: str) -> None:
        """Give back all that the container holds."""
        await self.transport.call("DELETE", place("claims", container))

    async def lease(self, name: str, request: LeaseRequest) -> Lease:
        """Take the lease if nobody else holds it, or go on holding it; who holds it now."""
        answer = await self.transport.call("PUT", place("leases", name), body=request, once=True)
        return as_kind(Lease, answer)

    async def give_back_lease(self, name: str, container: str) -> None:
        """Let another take the lease at once."""
        await self.transport.call("DELETE", place("leases", name, container), once=True)

    async def pools(self) -> tuple[Pool, ...]:
        """All pools, with how many configurations each is to serve."""
        return (await self.transport.get(Pools, "/v1/pools")).pools

    async def put_pool(self, name: str, draft: PoolDraft) -> Pool:
        """Create or change a pool."""
        return await self.transport.send("PUT", Pool, place("pools", name), draft)

    async def remove_pool(self, name: str) -> None:
        """Delete a pool that no configuration names."""
        await self.transport.call("DELETE", place("pools", name))
