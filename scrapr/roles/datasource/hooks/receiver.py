"""The way to receivers: one signed POST, through the address guard, without redirects, bounded in time and size."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from pydantic import SecretStr
from standardwebhooks import Webhook as Signature

import scrapr
from scrapr.fetching.gate import AddressRefused, Gate
from scrapr.model.times import now
from scrapr.roles.datasource.hooks.outbox import Delivery
from scrapr.roles.datasource.hooks.pace import Answer, retry_after
from scrapr.roles.datasource.hooks.settings import WebhookSettings

DRAINED = 65_536
"""Bytes of an answer that are read, so that its connection can be used again."""


class Receivers:
    """The connections to all receivers."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def post(self, url: str, secret: SecretStr, delivery: Delivery) -> Answer:
        """Send a delivery, signed at this moment (Standard Webhooks); whatever goes wrong is an answer, too."""
        try:
            async with self._session.post(
                url, data=delivery.body.encode(), headers=_headers(secret, delivery), allow_redirects=False
            ) as answer:
                await answer.content.read(DRAINED)
                return Answer(status=answer.status, retry_after=retry_after(answer.headers))
        except TimeoutError:
            return Answer(error="no answer in time")
        except (aiohttp.ClientError, OSError) as error:
            if (refused := _refusal(error)) is not None:
                return Answer(error=f"{refused.refusal.reason}: {refused.refusal.why}", forbidden=True)
            return Answer(error=f"{type(error).__name__}: {error}"[:500])


def _headers(secret: SecretStr, delivery: Delivery) -> dict[str, str]:
    at = now()
    signature = Signature(secret.get_secret_value()).sign(delivery.id, at, delivery.body)
    return {
        "Content-Type": "application/json",
        "User-Agent": f"scrapr/{scrapr.__version__}",
        "webhook-id": delivery.id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }


def _refusal(error: BaseException | None) -> AddressRefused | None:
    """The guard's refusal among the causes of `error`."""
    while error is not None:
        if isinstance(error, AddressRefused):
            return error
        if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, AddressRefused):
            return error.os_error
        error = error.__cause__
    return None


@asynccontextmanager
async def open_receivers(settings: WebhookSettings) -> AsyncIterator[Receivers]:
    """The connections to receivers; each new one passes the guard. None is kept: what it led to may move."""
    connector = aiohttp.TCPConnector(
        limit=0,  # each webhook sends at most `parallel` at once, and no one waits for another's connections
        force_close=True,
        socket_factory=Gate(allow=settings.allow, ports=settings.ports),
    )
    timeout = aiohttp.ClientTimeout(total=settings.timeout)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
    ) as session:
        yield Receivers(session)
