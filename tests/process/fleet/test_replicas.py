"""Replicas of a real zygote: started, listed, watched, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from scrapr.fleet.replica import Replica, ReplicaSpec
from scrapr.model import errors
from tests.conftest import Until


async def find(den: Any, name: str) -> Replica:
    replicas: tuple[Replica, ...] = await den.fleet.replicas()
    return next(replica for replica in replicas if replica.name == name)


async def wait_for_exit(den: Any, until: Until, name: str) -> Replica:
    async def exited() -> Replica | None:
        replica = await find(den, name)
        return replica if replica.state == "exited" else None

    replica = await until(exited)
    assert replica is not None
    return replica


async def test_a_started_replica_is_listed_with_its_labels(den: Any) -> None:
    started = await den.fleet.start(ReplicaSpec("a", "idle", labels={"pool": "default"}))
    assert await den.fleet.replicas() == [started]
    assert (started.name, started.role, started.labels, started.state) == (
        "a",
        "idle",
        {"pool": "default"},
        "running",
    )
    assert started.started_at.tzinfo is not None


async def test_starting_a_running_name_again_gives_the_running_replica(den: Any) -> None:
    first = await den.fleet.start(ReplicaSpec("a", "idle"))
    assert await den.fleet.start(ReplicaSpec("a", "idle")) == first


async def test_an_exited_name_can_be_started_again(den: Any, until: Any) -> None:
    await den.fleet.start(ReplicaSpec("a", "code", {"CODE": "7"}))
    assert (await wait_for_exit(den, until, "a")).exit_code == 7
    await den.fleet.start(ReplicaSpec("a", "idle"))
    assert [replica.state for replica in await den.fleet.replicas()] == ["running"]


async def test_a_replica_has_no_descriptor_signal_or_group_of_the_zygote(
    den: Any, until: Any, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    async with contextlib.aclosing(den.fleet.changes()) as changes:
        await den.fleet.start(ReplicaSpec("first", "idle"))
        await anext(changes)  # a watcher is connected while the next one is forked
        await den.fleet.start(ReplicaSpec("a", "tell", {"TELL": str(told)}))
        await wait_for_exit(den, until, "a")
    inherited = json.loads(told.read_text())
    assert inherited["open"] == [0, 1, 2]
    assert inherited["group"] == inherited["pid"]
    assert inherited["blocked"] == 0
    assert inherited["terminable"]
    assert inherited["environment"] == {"TELL": str(told)}


async def test_a_replica_runs_an_event_loop_of_its_own(den: Any, until: Any, tmp_path: Path) -> None:
    told = tmp_path / "told"
    await den.fleet.start(ReplicaSpec("a", "loop", {"TELL": str(told)}))
    assert (await wait_for_exit(den, until, "a")).exit_code == 0
    assert told.read_text() == "ClientSession"


async def test_an_exception_is_a_traceback_in_the_log_and_exit_code_1(
    den: Any, until: Any, tmp_path: Path
) -> None:
    log = tmp_path / "a.log"
    await den.fleet.start(ReplicaSpec("a", "fail", log=str(log)))
    assert (await wait_for_exit(den, until, "a")).exit_code == 1
    assert "LookupError: this role fails" in log.read_text()


async def test_a_replica_may_leave_by_sys_exit_with_its_last_words(
    den: Any, until: Any, tmp_path: Path
) -> None:
    log = tmp_path / "a.log"
    await den.fleet.start(ReplicaSpec("a", "leave", log=str(log)))
    assert (await wait_for_exit(den, until, "a")).exit_code == 1
    assert "left by itself" in log.read_text()


async def test_a_log_that_cannot_be_opened_is_refused_and_nothing_runs(den: Any, tmp_path: Path) -> None:
    with pytest.raises(errors.Refused, match=r"no/such/a\.log"):
        await den.fleet.start(ReplicaSpec("a", "idle", log=str(tmp_path / "no/such/a.log")))
    assert await den.fleet.replicas() == []


async def test_a_replica_killed_is_reported_to_every_watcher_at_once(den: Any) -> None:
    replica = await den.fleet.start(ReplicaSpec("a", "idle"))
    async with (
        contextlib.aclosing(den.fleet.changes()) as one,
        contextlib.aclosing(den.fleet.changes()) as two,
    ):
        assert (await anext(one)).state == (await anext(two)).state == "running"
        os.kill(replica.pid, signal.SIGKILL)
        async with asyncio.timeout(30):
            reports = [await anext(one), await anext(two)]
        assert [(report.name, report.exit_code) for report in reports] == [("a", -signal.SIGKILL)] * 2


async def test_a_stopped_replica_is_gone_when_stop_returns(den: Any, is_alive: Any) -> None:
    replica = await den.fleet.start(ReplicaSpec("a", "idle"))
    await den.fleet.stop("a", grace=5)
    assert not is_alive(replica.pid)
    assert (await find(den, "a")).exit_code == -signal.SIGTERM


async def test_a_replica_that_ignores_sigterm_is_killed_after_its_grace(
    den: Any, until: Any, tmp_path: Path
) -> None:
    log = tmp_path / "a.log"
    await den.fleet.start(ReplicaSpec("a", "stubborn", log=str(log)))

    async def ignores_sigterm() -> bool:
        return "is up" in log.read_text()

    await until(ignores_sigterm)
    before = time.monotonic()
    await asyncio.gather(den.fleet.stop("a", grace=0.3), den.fleet.stop("a", grace=60))
    assert 0.3 <= time.monotonic() - before < 5
    assert (await find(den, "a")).exit_code == -signal.SIGKILL


async def test_stopping_what_does_not_run_returns(den: Any) -> None:
    await den.fleet.stop("nobody", grace=5)


async def test_what_a_replica_started_ends_with_it(
    den: Any, until: Any, is_alive: Any, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    await den.fleet.start(ReplicaSpec("a", "parent", {"TELL": str(told)}))

    async def grandchild() -> int:
        return int((told.exists() and told.read_text()) or 0)

    pid = await until(grandchild)
    assert is_alive(pid)
    await den.fleet.stop("a", grace=5)

    async def gone() -> bool:
        return not is_alive(pid)

    await until(gone)


async def test_a_hundred_starts_at_once_all_run(den: Any) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(100):
            group.create_task(den.fleet.start(ReplicaSpec(f"r{number % 50}", "idle")))
    replicas = await den.fleet.replicas()
    assert len({replica.pid for replica in replicas if replica.state == "running"}) == len(replicas) == 50
