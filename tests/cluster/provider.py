"""A node provider: a machine is a further Docker engine in a network namespace.

`python provider.py WIRE FOLDER IMAGE create|remove|list [NAME]`; a machine's folder below FOLDER is all that is kept of
it. It reads from its standard input what a machine does at its first start, as every provider of the kind `command`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.cluster.engine import Engine, Wire  # noqa: E402 - a script finds the project by itself
from tests.cluster.image import load_image  # noqa: E402 - as above

FIRST = 100
"""The place on the wire of the machine 0: beyond those of the test's own engines."""


def engine_of(wire: Wire, folder: Path, name: str) -> Engine:
    """The engine that is this machine."""
    engine = Engine(wire, FIRST + int(name.rpartition("-")[2]), folder / name)
    engine.name = name
    return engine


def create(engine: Engine, image: Path, told: str) -> None:
    """Start the machine and do what it is told to."""
    engine.folder.mkdir(parents=True)
    engine.wire.plug(engine.number)
    engine.start()
    load_image(engine, image)
    first_start = json.loads(told.removeprefix("#cloud-config\n"))
    assert first_start["hostname"] == engine.name
    for command, *words in first_start["runcmd"]:
        assert command == "docker"
        engine.docker(*words)


def remove(engine: Engine) -> None:
    """Take the machine away."""
    if engine.folder.exists():
        engine.cut_power()
        engine.clean()
        engine.wire.unplug(engine.number)


def main(number: str, folder: str, image: str, act: str, name: str = "") -> None:
    """Do one act."""
    wire, place = Wire(int(number)), Path(folder)
    if act == "list":
        print("\n".join(sorted(each.name for each in place.iterdir())))  # noqa: T201 - that is how it answers
    elif act == "create":
        create(engine_of(wire, place, name), Path(image), sys.stdin.read())
    else:
        remove(engine_of(wire, place, name))


if __name__ == "__main__":
    main(*sys.argv[1:])
