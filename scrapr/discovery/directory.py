"""A directory finds peers, remembers them when the registry is away, and keeps this process known."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable

import structlog

from scrapr.discovery.instance import Instance, Registry
from scrapr.discovery.settings import DiscoverySettings
from scrapr.model.errors import Unavailable
from scrapr.runtime.loops import Loop
from scrapr.runtime.trigger import Trigger

log = structlog.get_logger()


class Directory:
    """This process's view of who is where."""

    def __init__(self, registry: Registry, settings: DiscoverySettings) -> None:
        self._registry = registry
        self._settings = settings
        self._found: dict[str, tuple[float, tuple[Instance, ...]]] = {}
        self._doubtful: set[str] = set()
        """The roles of which the registry told nothing when it was asked last."""
        self._own: Instance | None = None
        self._news = Trigger()
        self.loops = (Loop("discovery", self.announce), *registry.loops)

    async def instances(self, role: str) -> tuple[Instance, ...]:
        """The instances of `role`; those known last while the registry does not answer."""
        now = asyncio.get_running_loop().time()
        found_at, known = self._found.get(role, (float("-inf"), ()))
        if known and now - found_at < self._settings.cache:
            return known
        try:
            async with asyncio.timeout(self._settings.patience):
                found = await self._registry.find(role)
        except (Unavailable, TimeoutError):
            found = ()
        (self._doubtful.discard if found else self._doubtful.add)(role)
        # None at all is more likely a registry that lost its memory than a role that is gone.
        self._found[role] = (now, found or known)
        return found or known

    def locate(self, role: str) -> Callable[[], Awaitable[str]]:
        """A function that finds the URL of some instance of `role`; it raises `Unavailable` where there is none.

        While the registry is silent, those known last may be gone: the fallback is then one more.
        """

        async def find() -> str:
            urls = [each.url for each in await self.instances(role)]
            if role in self._doubtful and role in self._settings.fallbacks:
                urls.append(self._settings.fallbacks[role])
            if not urls:
                raise Unavailable(f"No {role} is known to discovery")
            return random.choice(urls)  # noqa: S311 - spreads load, no secret

        return find

    def serve(self, names: Iterable[str]) -> None:
        """Tell what this process serves now."""
        serves = tuple(sorted(names))
        if self._own and self._own.serves != serves:
            self._own = self._own.model_copy(update={"serves": serves})
            self._news.pull()

    def enter(self, instance: Instance) -> None:
        """Make this process known as `instance` from the next announcement on."""
        self._own = instance
        self._news.pull()

    async def announce(self) -> None:
        """Keep this process known until cancelled."""
        while True:
            if self._own:
                await self._registry.announce(self._own)
            await self._news.wait(timeout=self._settings.ttl / 3)

    async def leave(self) -> None:
        """Let this process be forgotten; what cannot be said now is said by the time to live."""
        if self._own:
            try:
                await self._registry.withdraw(self._own)
            except Unavailable as error:
                log.debug("not withdrawn", reason=error.detail)
