"""mongod and redis-server as children: usable, durable, recovering, out of each other's way."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError

from scrapr.embedded import folder, mongod, ports, redis
from scrapr.embedded.server import Server
from scrapr.embedded.settings import EmbeddedSettings
from scrapr.model import errors

SETTINGS = EmbeddedSettings()
Client = AsyncMongoClient[dict[str, Any]]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Server]:
    """A mongod of this test's own."""
    async with mongod.started(folder.prepare(tmp_path), SETTINGS) as server:
        yield server


async def test_mongod_commits_transactions_and_streams_changes(store: Server) -> None:
    async with Client(store.url) as client:
        things = client.tests.things
        await things.insert_one({"_id": 0})
        async with await things.watch(max_await_time_ms=1000) as stream, client.start_session() as session:
            async with await session.start_transaction():
                await things.insert_one({"_id": 1}, session=session)
                await things.update_one({"_id": 0}, {"$set": {"seen": True}}, session=session)
            async with asyncio.timeout(5):
                changes = [await anext(stream), await anext(stream)]
            await session.start_transaction()
            await things.insert_one({"_id": 2}, session=session)
            await session.abort_transaction()
        assert [(change["operationType"], change["documentKey"]["_id"]) for change in changes] == [
            ("insert", 1),
            ("update", 0),
        ]
        assert await things.count_documents({}) == 2


async def test_what_was_acknowledged_survives_a_kill_and_the_port_stays(tmp_path: Path) -> None:
    home = folder.prepare(tmp_path)
    async with mongod.started(home, SETTINGS) as server:
        # Closed before its server: it would look for it for 30 s, to say that its sessions end.
        async with Client(server.url, w="majority", journal=True) as client:
            await client.tests.things.insert_one({"_id": 1})
        os.kill(server.companion.pid, signal.SIGKILL)
        assert await server.exited() == -signal.SIGKILL
        first = server.url
    async with mongod.started(home, SETTINGS) as server, Client(server.url) as client:
        assert server.url == first
        assert await client.tests.things.find_one() == {"_id": 1}


async def test_a_client_waits_while_mongod_restarts(tmp_path: Path) -> None:
    home = folder.prepare(tmp_path)
    async with mongod.started(home, SETTINGS) as server:
        client = Client(server.url)
        await client.tests.things.insert_one({"_id": 1})
        os.kill(server.companion.pid, signal.SIGKILL)
        await server.exited()
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(client.tests.things.insert_one({"_id": 2}))
        # The client is closed before its server, as above.
        async with mongod.started(home, SETTINGS, same_port=True), client:
            await writing
            assert await client.tests.things.count_documents({}) == 2


async def test_a_taken_port_is_exchanged_and_the_set_follows(tmp_path: Path) -> None:
    async with mongod.running(tmp_path, SETTINGS) as first, Client(first) as client:
        await client.tests.things.insert_one({"_id": 1})
    taken = int(folder.prepare(tmp_path).port("mongod").read_text())
    async with (
        await asyncio.start_server(lambda _, writer: writer.close(), ports.LOOPBACK, taken),
        mongod.running(tmp_path, SETTINGS) as second,
        Client(second) as client,
    ):
        assert second != first
        await client.tests.things.insert_one({"_id": 2})
        assert await client.tests.things.count_documents({}) == 2


async def test_a_port_that_must_stay_is_waited_for_in_vain_and_named(tmp_path: Path) -> None:
    home = folder.prepare(tmp_path)
    port = ports.choose(home.port("redis"))
    ports.keep(home.port("redis"), port)
    with (
        socket.create_server((ports.LOOPBACK, port)),
        pytest.raises(errors.Unavailable, match="redis did not start"),
    ):
        async with redis.started(home, EmbeddedSettings(start_within=2), same_port=True):
            pass


async def test_redis_keeps_what_it_was_told_over_a_restart_and_a_kill(tmp_path: Path) -> None:
    home = folder.prepare(tmp_path)
    async with redis.started(home, SETTINGS) as server, Redis.from_url(server.url) as client:
        await client.set("a", "1")
    async with redis.started(home, SETTINGS) as server, Redis.from_url(server.url) as client:
        assert await client.get("a") == b"1"
        await client.set("b", "2")
        os.kill(server.companion.pid, signal.SIGKILL)
        await server.exited()
    async with redis.running(tmp_path, SETTINGS) as url, Redis.from_url(url) as client:
        assert await client.mget("a", "b") == [b"1", b"2"]


async def fill(client: Redis, *, megabytes: int) -> None:
    for number in range(megabytes):
        await client.set(f"large-{number}", b"x" * (1 << 20))


async def test_redis_refuses_writes_beyond_its_memory_and_evicts_nothing(tmp_path: Path) -> None:
    async with (
        redis.running(tmp_path, EmbeddedSettings(redis_memory_mb=16)) as url,
        Redis.from_url(url) as client,
    ):
        await client.set("kept", "1", ex=600)
        with pytest.raises(OutOfMemoryError):
            await fill(client, megabytes=64)
        assert await client.get("kept") == b"1"


async def test_a_server_that_cannot_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    home = folder.prepare(tmp_path)
    home.make_store("redis")
    (home.store("redis") / "appendonly.aof").write_text("no log of Redis\n" * 100)
    with pytest.raises(errors.Unavailable, match=r"(?s)redis did not start.*exit code 1.*Bad file format"):
        async with redis.started(home, SETTINGS):
            pass


async def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    home = folder.prepare(tmp_path)
    home.store("redis").write_text("a file where the folder should be")
    with pytest.raises(errors.Refused, match="redis cannot be made"):
        async with redis.started(home, SETTINGS):
            pass
