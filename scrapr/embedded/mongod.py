"""A mongod of one's own: a replica set of one, for its transactions and change streams."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from scrapr.embedded import binaries, folder, server
from scrapr.embedded.settings import StopDeadlines
from scrapr.model import errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from scrapr.embedded.folder import Folder
    from scrapr.embedded.server import Server
    from scrapr.embedded.settings import EmbeddedSettings

NAME = "mongod"
SET = "scrapr"
"""The replica set's name."""
NOT_YET_INITIALIZED = 94
ALREADY_INITIALIZED = 23

Client = AsyncMongoClient[dict[str, Any]]


@contextlib.asynccontextmanager
async def running(data: Path, settings: EmbeddedSettings) -> AsyncIterator[str]:
    """Run a mongod with its data in `data/mongod`, and give its URL; `data` must be held by this process.

    Raises `errors.Unavailable`.
    """
    async with started(folder.prepare(data), settings) as found:
        yield found.url


@contextlib.asynccontextmanager
async def started(
    home: Folder, settings: EmbeddedSettings, *, same_port: bool = False
) -> AsyncIterator[Server]:
    """Run a mongod in the folder, and give it when it is primary."""
    binary = await binaries.find_mongod()
    home.make_store(NAME)
    launch = server.Launch(
        name=NAME,
        command=lambda port: _command(binary, home, settings, port),
        greet=_greet,
        # By the set's name, not directly: while mongod restarts, a client waits for the primary instead of failing.
        url=lambda port: f"mongodb://127.0.0.1:{port}/?replicaSet={SET}",
        grace=StopDeadlines.mongod,
    )
    async with server.started(launch, home, settings.start_within, same_port=same_port) as found:
        yield found


def _command(binary: Path, home: Folder, settings: EmbeddedSettings, port: int) -> list[str]:
    """Journal, flow control and commit interval are mongod's own: see docs/decisions/0012."""
    return [
        str(binary),
        *("--dbpath", str(home.store(NAME))),
        *("--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket"),
        *("--replSet", SET, "--oplogSize", str(settings.mongo_oplog_mb)),
        *("--wiredTigerCacheSizeGB", str(settings.mongo_cache_gb)),
        *("--quiet", "--setParameter", "diagnosticDataCollectionEnabled=false"),
        # Nobody reads the past by cluster time; five minutes of it, the default, are gigabytes under many updates.
        *("--setParameter", "minSnapshotHistoryWindowInSeconds=5"),
    ]


async def _greet(port: int, pid: int) -> None:
    """Make it the primary of its set, be it new, or known by another port."""
    try:
        client: Client
        async with AsyncMongoClient(
            f"mongodb://127.0.0.1:{port}/?directConnection=true", serverSelectionTimeoutMS=5000
        ) as client:
            await _require_own(client, pid)
            await _join_set(client, f"127.0.0.1:{port}")
            await _become_primary(client)
    except PyMongoError as e:
        raise errors.Unavailable(f"it does not answer as it should: {e}") from e


async def _require_own(client: Client, pid: int) -> None:
    """Somebody else's mongod may have taken the port in the meantime; it must not be touched."""
    if (await client.admin.command("serverStatus"))["pid"] != pid:
        raise errors.Unavailable("another mongod has taken its port")


async def _join_set(client: Client, address: str) -> None:
    config = await _read_config(client, address)
    if config["members"][0]["host"] != address:
        config["members"][0]["host"] = address
        config["version"] += 1
        # By force: under its old address there is no primary that could agree.
        await client.admin.command("replSetReconfig", config, force=True)


async def _read_config(client: Client, address: str) -> dict[str, Any]:
    """The set's configuration, made if there is none.

    mongod may still be looking for itself in the one that it has: it asks whoever has its old port now, for up to 30 s.
    Meanwhile it says that there is none, and answers an attempt to make one only afterwards.
    """
    while True:
        with _suppressed(NOT_YET_INITIALIZED):
            answer = await client.admin.command("replSetGetConfig")
            config: dict[str, Any] = answer["config"]
            return config
        with _suppressed(ALREADY_INITIALIZED):
            wanted = {"_id": SET, "members": [{"_id": 0, "host": address}]}
            await client.admin.command("replSetInitiate", wanted)


@contextlib.contextmanager
def _suppressed(code: int) -> Iterator[None]:
    try:
        yield
    except OperationFailure as e:
        if e.code != code:
            raise


async def _become_primary(client: Client) -> None:
    while True:
        if (await client.admin.command("hello"))["isWritablePrimary"]:
            return
        await asyncio.sleep(server.POLL)
