"""The whole of `scrapr up`, with real servers, a real zygote and tiny roles."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
from pymongo import AsyncMongoClient
from redis.asyncio import Redis
from redis.exceptions import RedisError
from structlog.testing import capture_logs

from scrapr.embedded.machine import Machine
from scrapr.embedded.settings import EmbeddedSettings, StopDeadlines
from scrapr.fleet.processes import Processes
from scrapr.fleet.replica import Replica
from scrapr.model import errors
from tests.processes import name_of

HERE = Path(__file__).parent
STOPPED_IN_ORDER = ["orchestrator", "pool", "pool", "datasource", "config"]


@pytest.fixture
def make(tmp_path: Path, port_base: int) -> Callable[..., Machine]:
    """A function that makes a machine in this test's folder."""

    def make(**environment: str) -> Machine:
        return Machine(
            EmbeddedSettings(data=tmp_path / "data"),
            port_base=port_base,
            host="127.0.0.1",
            zygote_command=[sys.executable, str(HERE / "zygote_script.py")],
            mongo_url=None,
            redis_url=None,
            environment={"STOPS": str(tmp_path / "stops"), **environment},
        )

    return make


@pytest.fixture
async def machine(make: Callable[..., Machine]) -> AsyncIterator[Machine]:
    """A machine whose roles are ready."""
    async with make() as machine:
        await machine.ready(30)
        yield machine


@pytest.fixture(autouse=True)
def others() -> set[psutil.Process]:
    """The children that were there before this test."""
    return set(psutil.Process().children(recursive=True))


def find_server(name: str, others: set[psutil.Process]) -> psutil.Process | None:
    """The mongod or redis-server that this test's machine runs."""
    mine = set(psutil.Process().children(recursive=True)) - others
    return next((process for process in mine if name_of(process) == name), None)


async def ask(port: int) -> Any:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/ready") as answer:
        return await answer.json()


async def find(data: Path, name: str) -> Replica:
    replicas = await Processes(data / "zygote.sock").replicas()
    return next(replica for replica in replicas if replica.name == name)


async def test_every_role_is_told_where_everything_is(
    machine: Machine, port_base: int, tmp_path: Path
) -> None:
    del machine
    for role in range(5):
        told = await ask(port_base + role)
        assert told["SCRAPR_WEB_PORT"] == str(port_base + role)
        assert told["SCRAPR_FLEET_PORT_BASE"] == str(port_base)
        assert told["SCRAPR_FLEET_SOCKET"] == str(tmp_path / "data/zygote.sock")
        assert told["SCRAPR_FLEET_LOGS"] == str(tmp_path / "data/log")
    async with AsyncMongoClient[dict[str, Any]](told["SCRAPR_MONGO_URL"]) as mongo:
        assert (await mongo.admin.command("hello"))["isWritablePrimary"]
    async with Redis.from_url(told["SCRAPR_REDIS_URL"]) as redis:
        assert await redis.ping()


async def test_a_role_killed_runs_again(machine: Machine, tmp_path: Path, port_base: int, until: Any) -> None:
    killed = await find(tmp_path / "data", "datasource")
    os.kill(killed.pid, signal.SIGKILL)

    async def another_runs() -> bool:
        found = await find(tmp_path / "data", "datasource")
        return found.state == "running" and found.pid != killed.pid

    await until(another_runs)
    await machine.ready(10)
    assert (await ask(port_base + 1))["SCRAPR_WEB_PORT"] == str(port_base + 1)


@pytest.mark.parametrize("server", ["mongod", "redis-server"])
async def test_a_server_killed_runs_again_at_the_same_url(
    others: set[psutil.Process], machine: Machine, port_base: int, until: Any, server: str
) -> None:
    del machine
    told = await ask(port_base)
    killed = find_server(server, others)
    assert killed is not None
    killed.kill()

    async def another_runs() -> bool:
        return find_server(server, others) not in {None, killed}

    await until(another_runs)
    async with Redis.from_url(told["SCRAPR_REDIS_URL"]) as redis:

        async def redis_answers() -> bool:
            try:
                return bool(await redis.ping())
            except RedisError:
                return False

        await until(redis_answers)
    async with AsyncMongoClient[dict[str, Any]](told["SCRAPR_MONGO_URL"]) as mongo:
        assert (await mongo.admin.command("hello"))["isWritablePrimary"]


async def test_the_zygote_killed_everything_it_ran_runs_again(
    machine: Machine, tmp_path: Path, until: Any
) -> None:
    before = await find(tmp_path / "data", "config")
    zygote = psutil.Process(before.pid).parent()
    assert zygote is not None
    zygote.kill()

    async def all_new() -> bool:
        try:
            return (await find(tmp_path / "data", "config")).pid != before.pid
        except (errors.Unavailable, StopIteration, RuntimeError):
            return False

    await until(all_new, seconds=20)
    await machine.ready(20)


async def test_it_stops_in_order_and_leaves_nothing(
    make: Callable[..., Machine], tmp_path: Path, others: set[psutil.Process]
) -> None:
    stop = asyncio.Event()
    async with make() as machine:
        await machine.ready(30)
        asyncio.get_running_loop().call_soon(stop.set)
        await machine.run(stop)
        began = time.monotonic()
    assert time.monotonic() - began < StopDeadlines().total
    assert set(psutil.Process().children(recursive=True)) <= others
    assert not (tmp_path / "data/zygote.sock").exists()
    stopped = (tmp_path / "stops").read_text().split()
    assert ["pool" if role in {"scraper", "endpoint"} else role for role in stopped] == STOPPED_IN_ORDER


async def test_what_the_body_raises_comes_out_as_itself_and_everything_stops(
    make: Callable[..., Machine], others: set[psutil.Process]
) -> None:
    with pytest.raises(LookupError, match="of the caller"):
        async with make():
            raise LookupError("of the caller")
    assert set(psutil.Process().children(recursive=True)) <= others


async def test_a_role_that_always_fails_is_named_and_not_restarted_in_a_storm(
    make: Callable[..., Machine], tmp_path: Path
) -> None:
    log = tmp_path / "data/log/datasource.log"
    with capture_logs() as told:
        async with make(FAIL="datasource") as machine:
            with pytest.raises(
                errors.Unavailable, match=r"not ready within 3 s: datasource \(\d+\) does not answer"
            ):
                await machine.ready(3)
    failures = log.read_text().count("LookupError: datasource fails")
    assert 2 <= failures <= 7
    exits = [each for each in told if each["event"] == "replica exited" and each["name"] == "datasource"]
    assert {(each["log_level"], each["log"]) for each in exits} == {("warning", str(log))}


async def test_given_servers_are_used_instead_of_own_ones(
    mongo_url: str, redis_url: str, tmp_path: Path, port_base: int
) -> None:
    async with Machine(
        EmbeddedSettings(data=tmp_path / "data"),
        port_base=port_base,
        host="127.0.0.1",
        zygote_command=[sys.executable, str(HERE / "zygote_script.py")],
        mongo_url=mongo_url,
        redis_url=redis_url,
        environment={"STOPS": str(tmp_path / "stops")},
    ) as machine:
        await machine.ready(30)
        told = await ask(port_base)
        assert (told["SCRAPR_MONGO_URL"], told["SCRAPR_REDIS_URL"]) == (mongo_url, redis_url)
        assert not (tmp_path / "data/mongod").exists()


async def test_a_taken_port_is_refused_before_anything_is_started(
    make: Callable[..., Machine], port_base: int, tmp_path: Path
) -> None:
    refused = pytest.raises(errors.Conflict, match=rf"port {port_base + 3} \(config\) .*--port-base")
    with socket.create_server(("127.0.0.1", port_base + 3)), refused:
        await make().__aenter__()
    assert not (tmp_path / "data/mongod").exists()


async def test_a_zygote_that_does_not_start_is_told_and_the_servers_are_stopped(
    make: Callable[..., Machine], others: set[psutil.Process]
) -> None:
    machine = make()
    machine._zygote_command = (sys.executable, "-c", "raise SystemExit(3)")
    with pytest.raises(errors.Unavailable, match="zygote ended at once with exit code 3"):
        await machine.__aenter__()
    assert set(psutil.Process().children(recursive=True)) <= others


@pytest.fixture
async def start_up(tmp_path: Path, port_base: int) -> AsyncIterator[Callable[[], Awaitable[Process]]]:
    """A function that starts a machine in a process of its own, and returns when it is ready."""
    command = [sys.executable, str(HERE / "up_script.py"), str(tmp_path / "data"), str(port_base)]
    started: list[Process] = []

    async def start() -> Process:
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        async with asyncio.timeout(40):
            while (line := await process.stdout.readline()) != b"ready\n":
                assert line
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_kill_9_of_it_leaves_no_process_and_the_next_start_goes_on(
    start_up: Callable[[], Awaitable[Process]], tmp_path: Path, port_base: int, until: Any
) -> None:
    up = await start_up()
    url = (await ask(port_base))["SCRAPR_MONGO_URL"]
    async with AsyncMongoClient[dict[str, Any]](url) as mongo:
        await mongo.tests.things.insert_one({"_id": 1})
    below = psutil.Process(up.pid).children(recursive=True)
    assert len(below) == 8  # mongod, redis-server, the zygote and five roles
    up.kill()
    await up.wait()

    async def nothing_is_left() -> bool:
        return not any(process.is_running() and process.status() != "zombie" for process in below)

    await until(nothing_is_left)
    again = await start_up()
    assert (await ask(port_base))["SCRAPR_MONGO_URL"] == url
    async with AsyncMongoClient[dict[str, Any]](url) as mongo:
        assert await mongo.tests.things.count_documents({}) == 1
    again.terminate()
    assert await again.wait() == 0
    assert not (tmp_path / "data/zygote.sock").exists()


async def test_ctrl_c_at_the_terminal_reaches_it_alone(start_up: Callable[[], Awaitable[Process]]) -> None:
    up = await start_up()
    session = os.getsid(up.pid)
    below = psutil.Process(up.pid).children(recursive=True)
    assert all(os.getsid(process.pid) != session for process in below)
    up.terminate()
    assert await up.wait() == 0


async def test_a_second_one_in_the_same_folder_is_refused(
    machine: Machine, make: Callable[..., Machine]
) -> None:
    del machine
    with pytest.raises(errors.Conflict, match=f"in use by another `scrapr up` .pid {os.getpid()}."):
        await make().__aenter__()
