"""Webhooks at the datasource, as their callers see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scrapr.client.transport import Transport, as_kind, place
from scrapr.model.webhook import DeadLetter, DeadLetters, NewWebhook, Retried, Webhook, Webhooks


class WebhooksClient:
    """Webhooks and their dead letters. Raises the errors of `scrapr.model.errors`."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    async def add(self, draft: dict[str, Any]) -> NewWebhook:
        """Add one; an answer that is lost is not asked for again: there could be two of it."""
        return as_kind(NewWebhook, await self.transport.call("POST", "/v1/webhooks", body=draft, once=True))

    async def all(self) -> tuple[Webhook, ...]:
        """All webhooks, oldest first."""
        return (await self.transport.get(Webhooks, "/v1/webhooks")).webhooks

    async def remove(self, identity: str) -> None:
        """Remove one, and what waits for it."""
        await self.transport.call("DELETE", place("webhooks", identity))

    async def dead(self, identity: str) -> tuple[DeadLetter, ...]:
        """The deliveries of a webhook that were given up."""
        return (await self.transport.get(DeadLetters, place("webhooks", identity, "dead"))).dead

    async def retry(self, identity: str, deliveries: Sequence[str] | None = None) -> int:
        """Send dead letters again, all of them where none are named; how many there were."""
        wish = {} if deliveries is None else {"deliveries": list(deliveries)}
        return (
            await self.transport.send("POST", Retried, place("webhooks", identity, "retry"), wish)
        ).retried
