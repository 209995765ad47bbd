"""One Consul agent; the only importer of py-consul, which has no types. Its failures are `Unavailable`."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import consul.aio
from consul.exceptions import ConsulException, NotFound
from yarl import URL

from scrapr.discovery.settings import DiscoverySettings
from scrapr.model.errors import Unavailable
from scrapr.runtime.names import FreshNames

PATIENCE = 3.0
"""Seconds for a question that Consul answers at once."""
WAIT = 50
"""Seconds for which a blocking query waits for news, and up to a sixteenth more (Consul spreads the answers)."""


class Agent:
    """What discovery asks of an agent of Consul."""

    def __init__(self, url: URL, settings: DiscoverySettings) -> None:
        self.url = url
        self._settings = settings
        # Given with each call: what CONSUL_HTTP_TOKEN says would be stronger than the client's own.
        self._token = settings.consul_token.get_secret_value() or None
        self._client: Any = None

    async def register(self, service: dict[str, Any]) -> None:
        """Write down a service; what an ACL forbids is answered with success and seen only in the agent's log."""
        async with self._answered(PATIENCE):
            await self._open().agent.service.register(
                **service, token=self._token, replace_existing_checks=True
            )

    async def deregister(self, identity: str) -> None:
        """Strike out a service; one that is not there is as good."""
        async with self._answered(PATIENCE):
            await self._open().agent.service.deregister(identity, token=self._token)

    async def confirm(self, check: str) -> bool:
        """Say that a check passes; False where this agent does not know it."""
        async with self._answered(PATIENCE):
            try:
                known = await self._open().agent.check.ttl_pass(check, token=self._token)
            except NotFound:
                return False
            except ConsulException as error:
                # 1.8 answers 500 where later versions say 404.
                if "does not have associated TTL" in str(error) or "Unknown check" in str(error):
                    return False
                raise
        return bool(known)

    async def list_passing(self, service: str, index: int | None = None) -> tuple[int, list[dict[str, Any]]]:
        """The entries of `service` whose checks pass, and their index; with `index`, once there is a newer one."""
        async with self._answered(PATIENCE if index is None else WAIT + WAIT / 16 + PATIENCE):
            found, entries = await self._open().health.service(
                service, index=index, wait=f"{WAIT}s", passing=True, token=self._token
            )
        return int(found), list(entries or ())

    async def find_leader(self) -> str | None:
        """The address of who leads the servers, as this agent knows."""
        async with self._answered(PATIENCE):
            return str(await self._open().status.leader()) or None

    async def close(self) -> None:
        """Close its connections."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    def _open(self) -> Any:
        """The client; it needs a running event loop, so it is made when first used."""
        if self._client is None:
            ca, cert = self._settings.consul_ca, self._settings.consul_cert
            pair = (str(cert), str(self._settings.consul_key or cert)) if cert else None
            with warnings.catch_warnings():
                # py-consul names its TLS context in aiohttp's former way.
                warnings.filterwarnings("ignore", category=DeprecationWarning)
                self._client = consul.aio.Consul(
                    host=self.url.host,
                    port=self.url.port,
                    scheme=self.url.scheme,
                    verify=(str(ca) if ca else True) if self.url.scheme == "https" else False,
                    cert=pair,
                    # aiohttp's own limit of 300 s would count for blocking queries too.
                    connections_timeout=WAIT + 4 * PATIENCE,
                )
            self._client.http._session.connector._resolver = FreshNames()  # noqa: SLF001 - no other way in
        return self._client

    @asynccontextmanager
    async def _answered(self, within: float) -> AsyncIterator[None]:
        """py-consul lets aiohttp's errors through beside its own."""
        try:
            async with asyncio.timeout(within):
                yield
        except (ConsulException, aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"Consul at {self.url}: {error or type(error).__name__}") from error
