"""The routes of webhooks."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from scrapr.model.errors import NotFound
from scrapr.model.webhook import (
    DeadLetters,
    NewWebhook,
    Retried,
    Retry,
    Webhook,
    WebhookDraft,
    Webhooks,
)
from scrapr.roles.datasource.hooks import addresses
from scrapr.roles.datasource.hooks.outbox import Outbox
from scrapr.roles.datasource.hooks.registry import Registry
from scrapr.roles.datasource.hooks.settings import WebhookSettings
from scrapr.web.call import PREFIX, Call
from scrapr.web.routes import Route, respond

ONE = "/webhooks/{id}"


class WebhookRoutes:
    """`/webhooks`; `changed` is called when there may be something to tell or to send."""

    def __init__(
        self, registry: Registry, outbox: Outbox, settings: WebhookSettings, changed: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._outbox = outbox
        self._changed = changed
        self.routes = (
            Route("GET", "/webhooks", self.all, "Webhooks", answer=Webhooks),
            Route(
                "POST",
                "/webhooks",
                self.add,
                "Add one; a secret that is made for it is shown this one time",
                body=WebhookDraft,
                answer=NewWebhook,
                status=201,
                refusals=(409,),
            ),
            Route("GET", ONE, self.show, "One webhook", answer=Webhook, refusals=(404,)),
            Route("DELETE", ONE, self.remove, "Remove one", status=204, refusals=(404,)),
            Route(
                "GET", f"{ONE}/dead", self.dead, "Deliveries given up", answer=DeadLetters, refusals=(404,)
            ),
            Route(
                "POST",
                f"{ONE}/retry",
                self.retry,
                "Send dead letters again, and enable the webhook",
                body=Retry,
                answer=Retried,
                refusals=(404,),
            ),
        )

    async def all(self, _: Call) -> Webhooks:
        return await self._registry.all()

    async def add(self, call: Call) -> web.Response:
        draft = await call.body(WebhookDraft)
        addresses.check(draft.url, self._settings)
        added = await self._registry.add(draft)
        self._changed()
        return respond(added, status=201, headers={"Location": f"{PREFIX}/webhooks/{added.id}"})

    async def show(self, call: Call) -> Webhook:
        return await self._registry.show(call.place("id"))

    async def remove(self, call: Call) -> None:
        await self._registry.remove(call.place("id"))

    async def dead(self, call: Call) -> DeadLetters:
        await self._registry.show(call.place("id"))
        return await self._outbox.dead(call.place("id"))

    async def retry(self, call: Call) -> Retried:
        wish = await call.body(Retry) if call.request.body_exists else Retry()
        await self._registry.enable(call.place("id"))
        retried = await self._outbox.revive(call.place("id"), wish.deliveries)
        if not retried and wish.deliveries:
            raise NotFound(f"None of these is a dead letter of the webhook {call.place('id')[:100]}")
        self._changed()
        return Retried(retried=retried)
