"""Names that may mean another address a moment later: those of containers."""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import AsyncResolver


class FreshNames(AbstractResolver):
    """Asks the DNS each time, and for no longer than it may take.

    c-ares remembers an answer for as long as the DNS allows, which for a container is ten minutes: who was replaced
    meanwhile would not be found. And not by threads: while a name is gone they wait, and work of others waits for them.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses that a name has now."""
        resolver = AsyncResolver(
            timeout=1.0, tries=2
        )  # with options it has a memory of its own, which ends with it
        try:
            return await resolver.resolve(host, port, family)
        finally:
            await resolver.close()

    async def close(self) -> None:
        """Nothing is kept."""
