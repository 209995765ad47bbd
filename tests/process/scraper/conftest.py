"""A world around the scraper, for each test its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from redis.asyncio import Redis

from tests.process.scraper.peers import World, open_world


@pytest.fixture
async def world(redis: Redis, free_port: Callable[[], int]) -> AsyncIterator[World]:
    """A site, a config peer, a datasource peer and an empty Redis."""
    async with open_world(redis, free_port) as world:
        yield world
