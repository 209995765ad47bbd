"""What config asks for: the pools, kept up to date, and kept when config is away."""

from __future__ import annotations

from typing import Any

from scrapr.client.config import ConfigClient
from scrapr.client.feed import Feed
from scrapr.model.errors import ScraprError
from scrapr.model.pool import Pool
from scrapr.roles.orchestrator.contact import Contact
from scrapr.runtime.trigger import Trigger


class Demand:
    """The pools as config told them last, None before it ever did; `changed` is pulled when they are others."""

    def __init__(self, config: ConfigClient, *, changed: Trigger, resync: float, token: str) -> None:
        self.pools: tuple[Pool, ...] | None = None
        self.contact = Contact("config")
        self._config = config
        self._changed = changed
        self._resync = resync
        self._hints = Trigger()
        self._feed = Feed(config.transport.locate, token=token, connected=self._join, told=self._hear)

    async def listen(self) -> None:
        """Hear of changes of configurations and pools, until cancelled."""
        await self._feed.run()

    async def learn(self) -> None:
        """Ask for the pools at once, and with every hint, until cancelled."""
        while True:
            await self._hints.wait(timeout=await self._ask())

    async def _join(self) -> None:
        await self._feed.join({})
        self._hints.pull()

    async def _hear(self, _event: str, _payload: Any) -> None:
        self._hints.pull()

    async def _ask(self) -> float:
        """Ask once; gives the seconds after which to ask again without a hint."""
        try:
            pools = await self._config.pools()
        except ScraprError as error:
            # Whatever config answers instead of pools: what it said last is better than to stop.
            return self.contact.lose(error.detail)
        self.contact.keep()
        if pools != self.pools:
            self.pools = pools
            self._changed.pull()
        return self._resync
