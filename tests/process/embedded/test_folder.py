"""The data folder and the ports belong to one `scrapr up`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from scrapr.embedded import folder, plan, ports
from scrapr.fleet import doorstep
from scrapr.model import errors

HOLD = """
import pathlib, sys, scrapr.embedded.folder as folder
with folder.held(pathlib.Path(sys.argv[1])):
    print(flush=True)
    input()
"""


def test_a_folder_in_use_is_refused_with_its_path_and_the_holders_pid(tmp_path: Path) -> None:
    data = tmp_path / "data"
    command = [sys.executable, "-c", HOLD, str(data)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(errors.Conflict) as refused, folder.held(data):
            pass
        assert str(data) in refused.value.detail
        assert f"pid {holder.pid}" in refused.value.detail
        holder.kill()
    with folder.held(data) as home:
        assert (home.path / "lock").read_text() == f"{os.getpid()}\n"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(errors.Refused, match="file/data cannot be used"), folder.held(tmp_path / "file/data"):
        pass


def test_only_this_user_may_look_into_the_folder(tmp_path: Path) -> None:
    with folder.held(tmp_path / "data") as home:
        assert home.path.stat().st_mode & 0o077 == 0


def test_a_deep_folder_has_its_socket_elsewhere_and_always_at_the_same_place(tmp_path: Path) -> None:
    deep = folder.Folder(tmp_path / ("d" * 120))
    assert len(os.fsencode(deep.socket)) <= doorstep.LONGEST_PATH
    assert deep.socket == folder.Folder(tmp_path / ("d" * 120)).socket
    assert deep.socket != folder.Folder(tmp_path / ("e" * 120)).socket


def test_every_taken_port_is_named_with_its_role_and_the_way_out(port_base: int) -> None:
    base = port_base
    wanted = plan.list_ports(base)
    with socket.create_server(("127.0.0.1", base + 1)), socket.create_server(("127.0.0.1", base + 4)):
        with pytest.raises(errors.Conflict) as refused:
            ports.require_free(wanted, "127.0.0.1")
        assert f"ports {base + 1} (datasource), {base + 4} (orchestrator)" in refused.value.detail
        assert "--port-base" in refused.value.detail
    ports.require_free(wanted, "127.0.0.1")


def test_a_port_is_kept_until_another_takes_it(tmp_path: Path) -> None:
    kept = tmp_path / "port"
    port = ports.choose(kept)
    ports.keep(kept, port)
    assert ports.choose(kept) == port
    with socket.create_server((ports.LOOPBACK, port)):
        assert ports.choose(kept) != port
        assert ports.choose(kept, same=True) == port
    kept.write_text("no number")
    assert ports.FIRST <= ports.choose(kept) <= ports.LAST
