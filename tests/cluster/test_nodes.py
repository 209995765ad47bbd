"""A cluster without room gets a machine, which works; when it idles it is drained and removed."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import provider
from tests.cluster.engine import Cluster
from tests.cluster.world import World, wait_for

pytestmark = [pytest.mark.timeout(900), pytest.mark.long]
MINUTES = 300.0


@pytest.fixture
def machines(cluster: Cluster, packed_image: Path) -> Iterator[tuple[Path, str]]:
    """The folder of the machines that are made, and the command that makes them."""
    folder = Path(tempfile.gettempdir()) / f"scr{secrets.token_hex(3)}m"
    folder.mkdir()
    words = [sys.executable, provider.__file__, cluster.wire.number, folder, packed_image]
    command = " ".join(map(str, words))
    yield folder, command
    for left in folder.iterdir():
        subprocess.run([*map(str, words), "remove", left.name], check=True)
    shutil.rmtree(folder)


def test_a_machine_is_made_for_what_has_no_room_and_goes_when_it_idles(
    world: World, machines: tuple[Path, str]
) -> None:
    folder, command = machines
    [manager] = world.cluster.manager.inspect("node", "self")
    most = manager["Description"]["Resources"]["NanoCPUs"] / 1e9
    # Each replica takes more than half of a machine, so that one has room on each.
    world.put_pool("scraper-grown", slots=1, cpu=most * 0.6)
    ids = [world.post(f"grown-{number}", pool="grown") for number in range(2)]
    world.orchestrate(
        SCRAPR_NODES_PROVIDER="command",
        SCRAPR_NODES_COMMAND=command,
        SCRAPR_NODES_FULL="2",
        SCRAPR_NODES_PAUSE="2",
        SCRAPR_NODES_IDLE="5",
    )
    wait_for(lambda: all(world.claims()[each] for each in ids), MINUTES)
    assert {task["node"] for task in world.tasks("scraper-grown")} == {"node1", "scrapr-grown-1"}
    assert [each.name for each in folder.iterdir()] == ["scrapr-grown-1"]
    told = world.get("first", "/nodes")
    assert {each["name"] for each in told["nodes"]} == {"node1", "scrapr-grown-1"}
    assert {"what": "make scrapr-grown-1", "why": "1 replicas have no room"} in [
        {"what": each["what"], "why": each["why"]} for each in told["decisions"]
    ]
    for each in ids:
        world.ask("DELETE", "config", f"/configurations/{each}")
    wait_for(lambda: not list(folder.iterdir()), MINUTES)
    wait_for(lambda: len(world.get("first", "/nodes")["nodes"]) == 1)
    decided = [each["what"] for each in world.get("first", "/nodes")["decisions"]]
    assert decided[:2] == ["remove scrapr-grown-1", "drain scrapr-grown-1"]
