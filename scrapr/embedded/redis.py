"""A redis-server of one's own."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError

from scrapr.embedded import binaries, folder, server
from scrapr.embedded.settings import StopDeadlines
from scrapr.model import errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from scrapr.embedded.folder import Folder
    from scrapr.embedded.server import Server
    from scrapr.embedded.settings import EmbeddedSettings

NAME = "redis"


@contextlib.asynccontextmanager
async def running(data: Path, settings: EmbeddedSettings) -> AsyncIterator[str]:
    """Run a redis-server with its data in `data/redis`, and give its URL; `data` must be held by this process.

    Raises `errors.Unavailable`.
    """
    async with started(folder.prepare(data), settings) as found:
        yield found.url


@contextlib.asynccontextmanager
async def started(
    home: Folder, settings: EmbeddedSettings, *, same_port: bool = False
) -> AsyncIterator[Server]:
    """Run a redis-server in the folder, and give it when it has loaded its data."""
    binary = await binaries.find_redis_server()
    home.make_store(NAME)
    launch = server.Launch(
        name=NAME,
        command=lambda port: _command(binary, home, settings, port),
        greet=_greet,
        url=lambda port: f"redis://127.0.0.1:{port}",
        grace=StopDeadlines.redis,
    )
    async with server.started(launch, home, settings.start_within, same_port=same_port) as found:
        yield found


def _command(binary: Path, home: Folder, settings: EmbeddedSettings, port: int) -> list[str]:
    return [
        str(binary),
        *("--bind", "127.0.0.1", "--port", str(port), "--protected-mode", "yes"),
        *("--dir", str(home.store(NAME)), "--daemonize", "no", "--pidfile", ""),
        # At most a second of writes is lost to a power cut, none to a killed process; no snapshots beside the log.
        *("--appendonly", "yes", "--appendfsync", "everysec", "--aof-load-truncated", "yes", "--save", ""),
        # Refuse, never evict: keys with a TTL are who is where, the others are last good copies.
        *("--maxmemory", f"{settings.redis_memory_mb}mb", "--maxmemory-policy", "noeviction"),
    ]


async def _greet(port: int, pid: int) -> None:
    try:
        once = Retry(NoBackoff(), 0)
        async with Redis(host="127.0.0.1", port=port, socket_timeout=1.0, retry=once) as client:
            await _loaded(client)
            # Somebody else's Redis may have taken the port in the meantime.
            if (await client.info("server"))["process_id"] != pid:
                raise errors.Unavailable("another Redis has taken its port")
    except RedisError as e:
        raise errors.Unavailable(f"it does not answer as it should: {e}") from e


async def _loaded(client: Redis) -> None:
    while True:
        with contextlib.suppress(BusyLoadingError):
            await client.ping()
            return
        await asyncio.sleep(server.POLL)
