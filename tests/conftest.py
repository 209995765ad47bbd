"""Real servers for the tests: one mongod (a replica set of one) and one redis-server for all of them."""

from __future__ import annotations

import asyncio
import gc
import random
import secrets
import signal
import subprocess
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pymongo
import pytest
import redis as redis_sync
from hypothesis import HealthCheck, settings
from pydantic import SecretStr
from redis.asyncio import Redis

from scrapr.embedded import binaries, ports
from scrapr.model.errors import Unavailable
from scrapr.storage import mongo
from scrapr.storage import redis as redis_storage
from scrapr.storage.mongo import Database
from scrapr.storage.settings import MongoSettings, RedisSettings
from tests import lanes
from tests.components import require
from tests.lanes import Lanes

# A busy machine is slow at everything: that proves nothing.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# A shell starts what runs in its background with SIGINT ignored, `nohup` does so with SIGHUP, and all that the tests
# start would ignore them, too.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

T = TypeVar("T")
DICE = random.SystemRandom()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Lanes:
    """With `--numprocesses`, which `make test` says."""
    return Lanes(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say aloud what tests tell of what they did, whichever process ran them."""
    for report in terminalreporter.getreports(""):
        for line in lanes.told(report):
            terminalreporter.write_line(f"{report.nodeid}: {line}")


class Until(Protocol):
    """The type of the fixture `until`."""

    async def __call__(self, condition: Callable[[], Awaitable[T]], *, seconds: float = 30.0) -> T: ...


def find_free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now.

    It is below the range from which Linux takes ports for outgoing connections: one of those, of any other process,
    would have it before its server does. The embedded servers' own range begins beyond.
    """
    return next(
        port for port in iter(lambda: DICE.randrange(10_000, ports.FIRST), None) if ports.is_free(port)
    )


async def wait_until(condition: Callable[[], Awaitable[T]], *, seconds: float = 30.0) -> T:
    """Ask for `condition` until it gives something true; its last answer is told when time is up."""
    deadline = time.monotonic() + seconds
    while not (found := await condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {condition.__qualname__}, last {found!r}")
        await asyncio.sleep(0.01)
    return found


def find(program: binaries.Program) -> Path:
    """The server's binary, as `scrapr up` finds it; where there is none, skip or fail."""
    try:
        return asyncio.run(binaries.find(program))
    except Unavailable as error:
        require(program.name.removesuffix("-server"), error.detail)
        raise


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """A function that finds a free port of 127.0.0.1."""
    return find_free_port


@pytest.fixture
def dropped_sockets() -> Iterator[None]:
    """For tests whose server is away: PyMongo and redis-py drop a socket that they were just opening.

    Python tells of it when it collects the socket, which may be in any later test. So collect it here.
    Ask for it before all others (`usefixtures` does), so that it ends after the event loop.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "unclosed", ResourceWarning)
        yield
        gc.collect()


@pytest.fixture(scope="session")
def until() -> Until:
    """A function that waits for a condition: `await until(condition, seconds=30)` gives what it gave."""
    return wait_until


@pytest.fixture(scope="session")
def mongo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real mongod, a replica set of one."""
    port, data = find_free_port(), tmp_path_factory.mktemp("mongod")
    binary = find(binaries.MONGOD)
    command = [binary, "--replSet", "rs0", "--bind_ip", "127.0.0.1", "--port", str(port), "--dbpath", data]
    command += ["--wiredTigerCacheSizeGB", "0.25", "--logpath", data / "log", "--nounixsocket"]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL) as process:
        url = f"mongodb://127.0.0.1:{port}/?directConnection=true"
        client: pymongo.MongoClient[dict[str, Any]]
        with pymongo.MongoClient(url) as client:
            member = {"_id": 0, "host": f"127.0.0.1:{port}"}
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
            while not client.admin.command("hello")["isWritablePrimary"]:
                time.sleep(0.02)
        yield url
        process.kill()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A real redis-server."""
    port = find_free_port()
    command = [str(find(binaries.REDIS_SERVER)), "--port", str(port), "--bind", "127.0.0.1"]
    with subprocess.Popen([*command, "--save", ""], stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 10
        with redis_sync.Redis(port=port) as client:
            while True:
                try:
                    client.ping()
                    break
                except redis_sync.ConnectionError:
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}"
        process.kill()


@pytest.fixture
async def database(mongo_url: str) -> AsyncIterator[Database]:
    """A database of this test's own."""
    async with mongo.connect(
        MongoSettings(url=SecretStr(mongo_url)), f"test_{secrets.token_hex(6)}"
    ) as database:
        yield database
        await database.client.drop_database(database.name)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """An empty Redis."""
    async with redis_storage.connect(RedisSettings(url=SecretStr(redis_url))) as client:
        await client.flushall()
        yield client
