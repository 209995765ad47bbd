"""The zygote's own life: its socket, its clients, its end, and the end of who started it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from scrapr.fleet import processes
from scrapr.fleet.processes import Processes
from scrapr.fleet.replica import ReplicaSpec
from scrapr.model import errors

STARTER = Path(__file__).with_name("starter_script.py")


async def test_its_socket_is_for_this_user_alone_and_removed_at_the_end(tmp_path: Path, command: Any) -> None:
    socket = tmp_path / "z.sock"
    async with processes.zygote_process(command(socket), socket):
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600
    assert not socket.exists()


async def test_sigterm_stops_every_replica_within_the_grace(
    tmp_path: Path, command: Any, is_alive: Any
) -> None:
    socket = tmp_path / "z.sock"
    async with processes.zygote_process(command(socket, "0.5"), socket) as process:
        fleet = Processes(socket)
        pids = [(await fleet.start(ReplicaSpec(role, role))).pid for role in ("idle", "stubborn")]
    assert process.exit_code == 0
    assert not any(is_alive(pid) for pid in pids)


async def test_killed_it_takes_its_replicas_along_and_a_new_one_replaces_its_socket(
    tmp_path: Path, command: Any, is_alive: Any, until: Any
) -> None:
    socket = tmp_path / "z.sock"
    async with processes.zygote_process(command(socket), socket) as process:
        replica = await Processes(socket).start(ReplicaSpec("a", "stubborn"))
        os.kill(process.pid, signal.SIGKILL)
        assert await process.exited() == -signal.SIGKILL

        async def replica_is_gone() -> bool:
            return not is_alive(replica.pid)

        await until(replica_is_gone)
        assert socket.exists()
        with pytest.raises(errors.Unavailable, match="no zygote answers"):
            await Processes(socket).replicas()
    async with processes.zygote_process(command(socket), socket):
        assert await Processes(socket).replicas() == []


async def test_who_starts_it_killed_leaves_no_process(tmp_path: Path, is_alive: Any, until: Any) -> None:
    starter = await asyncio.create_subprocess_exec(
        sys.executable, str(STARTER), str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert starter.stdout is not None
    pids = [int(pid) for pid in (await starter.stdout.readline()).split()]
    assert len(pids) == 3
    assert all(is_alive(pid) for pid in pids)
    starter.kill()
    await starter.wait()

    async def all_gone() -> bool:
        return not any(is_alive(pid) for pid in pids)

    await until(all_gone)


async def test_a_second_zygote_at_the_same_socket_is_refused(den: Any, command: Any) -> None:
    process = await asyncio.create_subprocess_exec(*command(den.socket), stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == 1
    assert b"another zygote answers" in said
    assert await den.fleet.replicas() == []


async def test_one_that_ends_at_once_is_told_by_its_exit_code(tmp_path: Path) -> None:
    with pytest.raises(errors.Unavailable, match="exit code 3"):
        async with processes.zygote_process(
            [sys.executable, "-c", "raise SystemExit(3)"], tmp_path / "z.sock"
        ):
            pass


async def test_one_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    with pytest.raises(errors.Unavailable, match="zygote cannot be started"):
        async with processes.zygote_process([str(tmp_path / "nothing")], tmp_path / "z.sock"):
            pass


async def test_a_line_that_is_no_request_is_answered_and_the_connection_stays(den: Any) -> None:
    reader, writer = await asyncio.open_unix_connection(den.socket)
    for line in (
        b"{\n",
        b'{"op":"fork"}\n',
        b'{"op":"start","spec":{"name":"a"}}\n',
        b'{"op":"stop","name":"a"}\n',
    ):
        writer.write(line)
        assert b"not a request to the zygote" in await reader.readline()
    writer.write(b'{"op":"list"}\n')
    assert b'"replicas":[]' in await reader.readline()
    writer.close()


async def test_an_endless_line_is_cut_off_and_others_are_served(den: Any) -> None:
    reader, writer = await asyncio.open_unix_connection(den.socket)
    with contextlib.suppress(ConnectionError):
        for _ in range(40):
            writer.write(b"x" * (1 << 16))
            await writer.drain()
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    assert await den.fleet.replicas() == []


async def test_changes_goes_on_with_the_zygote_that_comes_after(tmp_path: Path, command: Any) -> None:
    socket = tmp_path / "z.sock"
    fleet = Processes(socket)
    async with contextlib.aclosing(fleet.changes()) as changes, asyncio.timeout(20):
        for name in ("first", "second"):
            async with processes.zygote_process(command(socket), socket):
                await fleet.start(ReplicaSpec(name, "idle"))
                while (await anext(changes)).name != name:
                    pass


async def test_a_process_with_a_second_thread_may_not_become_one(tmp_path: Path) -> None:
    code = (
        "import threading, time, pathlib, scrapr.fleet.zygote as z\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True, name='poller').start()\n"
        f"z.serve(pathlib.Path({str(tmp_path / 'z.sock')!r}), None)"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == 1
    assert b"there are 2: MainThread, poller" in said
