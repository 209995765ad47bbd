"""The datasource, as its callers see it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import orjson
from pydantic import BaseModel

from scrapr.client.transport import Transport, place
from scrapr.client.webhooks import WebhooksClient
from scrapr.model.batch import Batch, Epoch, Receipt, Receipts, Run, Runs
from scrapr.model.change import Changes
from scrapr.model.collection import Collection, Collections
from scrapr.model.moment import show_moment
from scrapr.model.quarantine import Quarantine, Replay, Replayed
from scrapr.model.rebuild import Rebuild
from scrapr.model.record import Records
from scrapr.model.state import Condition, ConfigurationState, ConfigurationStates


class DatasourceClient:
    """Batches in, records and changes out. Raises the errors of `scrapr.model.errors`."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.webhooks = WebhooksClient(transport)

    async def send(self, batch: Batch | Run) -> Receipt:
        """Hand over a batch, or the end of a run; durable when this returns. May be sent again."""
        return await self.transport.send("POST", Receipt, "/v1/items", batch)

    async def send_all(self, batches: Sequence[bytes]) -> tuple[Receipt, ...]:
        """Hand over several batches together, each as `encode` makes it; all are durable when this returns.

        All may be sent again, alone or together. What is refused is refused as a whole; where the datasource is
        `Unavailable`, some of them may be durable.
        """
        body = [orjson.Fragment(batch) for batch in batches]
        if len(body) == 1:
            return (await self.transport.send("POST", Receipt, "/v1/items", body[0]),)
        return (await self.transport.send("POST", Receipts, "/v1/items", body)).receipts

    async def announce(self, configuration: str, epoch: int) -> None:
        """From now on what earlier holders of the claim send is refused. Raises `StaleEpoch` for one of those."""
        await self.transport.call("PUT", place("epochs", configuration), body=Epoch(epoch=epoch))

    async def collections(self) -> tuple[Collection, ...]:
        """All collections, by name."""
        return (await self.transport.get(Collections, "/v1/collections")).collections

    async def records(self, collection: str, *, after: int | None = None, limit: int = 1000) -> Records:
        """A page of a collection's records in the order of their creation, after the one created as `after`."""
        return await self.transport.get(
            Records, place("collections", collection), {"after": after, "limit": limit}
        )

    async def records_at(
        self, collection: str, at: int | datetime, *, after: int | None = None, limit: int = 1000
    ) -> Records:
        """A page of the records as they were at a version or a time; more pages come `at` the answer's version.

        Raises `NotFound`, `Invalid` for a version that is still to come, and `Expired` for one no longer kept.
        """
        query = {"at": show_moment(at), "after": after, "limit": limit}
        return await self.transport.get(Records, place("collections", collection), query)

    async def changes(self, collection: str, *, since: int, limit: int = 1000) -> Changes:
        """The changes after version `since`, at most `limit`. Raises `NotFound`, and `Expired` if not all are kept."""
        return await self.transport.get(
            Changes, place("collections", collection, "changes"), {"since": since, "limit": limit}
        )

    async def quarantine(self, collection: str, *, after: str | None = None, limit: int = 1000) -> Quarantine:
        """A page of the items that became no records, each with the reasons."""
        path = place("collections", collection, "quarantine")
        return await self.transport.get(Quarantine, path, {"after": after, "limit": limit})

    async def replay(self, collection: str, wish: Replay) -> Replayed:
        """Judge items in quarantine again; those that pass are reduced."""
        return await self.transport.send(
            "POST", Replayed, place("collections", collection, "quarantine", "replay"), wish
        )

    async def drop(self, collection: str, *, force: bool = False) -> None:
        """Forget a collection. Raises `NotFound`, and `Conflict` while configurations feed it, unless by `force`."""
        query = {"force": "true"} if force else None
        await self.transport.call("DELETE", place("collections", collection), query=query)

    async def rebuild(self, collection: str) -> Rebuild:
        """Have a collection's records made again from its batches."""
        return await self.transport.send("POST", Rebuild, place("collections", collection, "rebuild"), None)

    async def rebuilt(self, collection: str) -> Rebuild:
        """How the newest rebuild went, or goes."""
        return await self.transport.get(Rebuild, place("collections", collection, "rebuild"))

    async def runs(
        self, *, configuration: str | None = None, collection: str | None = None, limit: int = 20
    ) -> tuple[Run, ...]:
        """The newest runs."""
        query = {"configuration": configuration, "collection": collection, "limit": limit}
        return (await self.transport.get(Runs, "/v1/runs", query)).runs

    async def state(self, configuration: str) -> ConfigurationState:
        """How a configuration is."""
        return await self.transport.get(ConfigurationState, place("states", configuration))

    async def states_page(
        self,
        *,
        state: Condition | None = None,
        collection: str | None = None,
        after: str | None = None,
        limit: int,
    ) -> ConfigurationStates:
        """A page of states by the configurations' ids, after the one of `after`."""
        query = {"state": state, "collection": collection, "after": after, "limit": limit}
        return await self.transport.get(ConfigurationStates, "/v1/states", query)

    async def states(self, *, collection: str | None = None) -> AsyncIterator[ConfigurationState]:
        """How all configurations are, or those of one collection, page by page."""
        after = None
        while True:
            query = {"collection": collection, "limit": 1000, "after": after}
            page = await self.transport.get(ConfigurationStates, "/v1/states", query)
            for state in page.states:
                yield state
            if (after := page.next) is None:
                return


def encode(batch: Batch) -> bytes:
    """A batch as it is sent. Its values are JSON's own, which orjson writes four times as fast as pydantic."""
    return orjson.dumps(batch.__dict__, default=_plain)


def _plain(rule: BaseModel) -> dict[str, Any]:
    """What of a batch's head is a model itself."""
    return rule.model_dump(mode="json")
