"""A connection to Redis whose failures are `Unavailable`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeAlias

import redis.asyncio
import redis.exceptions
from redis.driver_info import DriverInfo

from scrapr.model.errors import Refused, Unavailable
from scrapr.storage.settings import RedisSettings

Redis: TypeAlias = redis.asyncio.Redis

AWAY = "Redis does not answer as it should; try again in a moment"
"""What a client is told of all that Redis did not do."""
CONNECTIONS = 64
"""Commands of a process that Redis is asked at the same time; more wait for their turn."""
DRIVER = DriverInfo()
"""One for all connections: each would else look for redis-py's version among the files of what is installed."""


@asynccontextmanager
async def connect(settings: RedisSettings) -> AsyncIterator[Redis]:
    """A client with a pool of connections; it connects when it is first used."""
    url = settings.url.get_secret_value()
    if not url:
        raise Refused(
            "SCRAPR_REDIS_URL is not set; allowed: a redis:// URL, or `scrapr up`, which starts its own"
        )
    # redis-py's ordinary pool refuses what is over its number at once: a hundred runs that start together were told so.
    try:
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=settings.timeout,
            socket_timeout=settings.timeout,
            socket_connect_timeout=settings.timeout,
            driver_info=DRIVER,
        )
    except ValueError as error:
        raise Refused(f"SCRAPR_REDIS_URL: {error}") from error
    client = redis.asyncio.Redis.from_pool(pool)
    try:
        yield client
    finally:
        await client.aclose()


@contextmanager
def translated() -> Iterator[None]:
    """Turn redis-py's errors into `Unavailable`: each of them means that Redis did not do what it should."""
    try:
        yield
    except (redis.exceptions.RedisError, OSError) as error:
        raise Unavailable(f"Redis: {error}", public=AWAY) from error


async def ping(client: Redis) -> None:
    """Return if Redis answers, else raise `Unavailable`."""
    with translated():
        await client.ping()
