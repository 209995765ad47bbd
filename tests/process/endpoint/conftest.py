"""A world around the endpoint, for each test its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from scrapr.storage.mongo import Database
from scrapr.storage.redis import Redis
from tests.process.endpoint.world import World, open_world


@pytest.fixture
async def lone_world(database: Database, redis: Redis, free_port: Callable[[], int]) -> AsyncIterator[World]:
    """A real config that runs, a datasource that does not yet, and an empty Redis."""
    async with open_world(database, redis, free_port) as world:
        await world.start_config()
        yield world


@pytest.fixture
async def world(lone_world: World) -> World:
    """A real config and a real datasource, both running, and an empty Redis."""
    await lone_world.start_datasource(reconcile=3600)
    return lone_world
