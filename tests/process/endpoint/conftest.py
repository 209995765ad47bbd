"""A world around the endpoint, for each test its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from scrapr.storage.mongo import Database
from scrapr.storage.redis import Redis
from tests.process.endpoint.world import World, open_world


@pytest.fixture
async def world(database: Database, redis: Redis, free_port: Callable[[], int]) -> AsyncIterator[World]:
    """A real config and a real datasource, both running, and an empty Redis."""
    async with open_world(database, redis, free_port) as world:
        await world.start_config()
        await world.start_datasource(reconcile=3600)
        yield world
