"""The declarations of collections, asked of config when somebody wants to know them."""

from __future__ import annotations

import asyncio
from time import monotonic

from scrapr.client.config import ConfigClient
from scrapr.model.errors import ScraprError
from scrapr.roles.endpoint import declaring
from scrapr.roles.endpoint.declaring import Declaration

FRESH = 5.0
"""Seconds for which an answer of config holds."""
WAIT = 1.0
"""Seconds that config has to answer; then what it said last holds on."""
MOST = 1000
"""Collections whose declarations are remembered."""


class Declarations:
    """What config said last outlives config."""

    def __init__(self, config: ConfigClient) -> None:
        self._config = config
        self._known: dict[str, tuple[float, Declaration]] = {}

    async def of(self, collection: str) -> Declaration:
        """What is declared of a collection; nothing where config never said."""
        asked_at, declared = self._known.get(collection, (-FRESH, Declaration()))
        if monotonic() - asked_at < FRESH:
            return declared
        try:
            async with asyncio.timeout(WAIT):
                found = self._config.configurations(of_type="scraper", collection=collection)
                declared = declaring.read([each async for each in found])
        except (ScraprError, TimeoutError):
            pass  # it is asked again in a while
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[collection] = monotonic(), declared
        return declared
