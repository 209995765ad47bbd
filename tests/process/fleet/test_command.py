"""A node provider that is a program."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from scrapr.fleet.command import Command
from scrapr.fleet.nodes import Gate, cloud_init, next_name
from scrapr.model.errors import Refused, Unavailable

PROGRAM = """#!/bin/sh
case $2 in
create) cat > "$1/$3" ;;
remove) rm -f "$1/$3" ;;
list) ls "$1" ;;
esac
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that keeps a file for each machine, with what the machine was told."""
    path = tmp_path / "program"
    path.write_text(PROGRAM)
    path.chmod(0o755)
    (tmp_path / "machines").mkdir()
    return path


async def test_a_machine_is_told_how_it_joins_and_is_listed_until_it_is_removed(program: Path) -> None:
    folder = program.parent / "machines"
    provider = Command(f"{program} {folder}", within=60)
    name = next_name("my_stack", {"my-stack-grown-1"})
    await provider.create(name, cloud_init(name, Gate("10.0.0.1:2377", "SWMTKN-x")))
    assert await provider.machines() == {"my-stack-grown-2"}
    head, _, told = (folder / name).read_text().partition("\n")
    assert head == "#cloud-config"
    assert orjson.loads(told)["runcmd"] == [
        ["docker", "swarm", "join", "--token", "SWMTKN-x", "10.0.0.1:2377"]
    ]
    await provider.remove(name)
    await provider.remove(name)
    assert await provider.machines() == set()


async def test_a_program_that_fails_or_hangs_or_is_not_there_is_unavailable(program: Path) -> None:
    with pytest.raises(Unavailable, match=r"create x failed: .*nonexistent"):
        await Command(f"{program} /nonexistent", within=60).create("x", "")
    with pytest.raises(Unavailable, match=r"longer than 0\.2 s"):
        await Command("sleep 60", within=0.2)._run()
    with pytest.raises(Unavailable, match="cannot be run"):
        await Command("/nonexistent", within=60).machines()
    with pytest.raises(Refused, match="SCRAPR_NODES_COMMAND"):
        Command("", within=60)
