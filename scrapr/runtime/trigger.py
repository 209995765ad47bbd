"""A trigger wakes a level-triggered loop: pulls are hints, and many pulls are one."""

from __future__ import annotations

import asyncio


class Trigger:
    """Pulled by whoever knows of news; awaited by the loop that looks at the full state."""

    def __init__(self) -> None:
        self._pulled = asyncio.Event()

    def pull(self) -> None:
        """Wake the waiting loop, now or when it next waits."""
        self._pulled.set()

    async def wait(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 - the timer is the safety net
        """Return True at once after a pull, or False after `timeout` seconds without one."""
        try:
            async with asyncio.timeout(timeout):
                await self._pulled.wait()
        except TimeoutError:
            return False
        self._pulled.clear()
        return True
