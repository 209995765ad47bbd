"""A connection to Redis whose failures are `Unavailable`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeAlias

import redis.asyncio
import redis.exceptions

from scrapr.model.errors import Refused, Unavailable
from scrapr.storage.settings import RedisSettings

Redis: TypeAlias = redis.asyncio.Redis


@asynccontextmanager
async def connect(settings: RedisSettings) -> AsyncIterator[Redis]:
    """A client with a pool of connections; it connects when it is first used."""
    url = settings.url.get_secret_value()
    if not url:
        raise Refused(
            "SCRAPR_REDIS_URL is not set; allowed: a redis:// URL, or `scrapr up`, which starts its own"
        )
    client = redis.asyncio.Redis.from_url(
        url,
        socket_timeout=settings.timeout,
        socket_connect_timeout=settings.timeout,
    )
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
        raise Unavailable(f"Redis: {error}") from error


async def ping(client: Redis) -> None:
    """Return if Redis answers, else raise `Unavailable`."""
    with translated():
        await client.ping()
