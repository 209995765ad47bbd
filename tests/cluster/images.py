"""The images that the stack is made of, for engines of the tests."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from scrapr.embedded import binaries
from tests.cluster import bases
from tests.cluster.engine import Engine
from tests.cluster.image import ROOT, TAG

STACK = "scrapr:stack"
SERVERS = ("redis:7", "mongo:6", "nginx:1", "hashicorp/consul:1")
"""What deploy/stack.yml names where nobody says otherwise."""
AS_DEPLOYED = [
    *(
        line
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith(("USER ", "HEALTHCHECK "))
    ),
    "ENV HOME=/tmp",
]
"""What the Dockerfile says of user and health, for the image that was not made by it."""


def derive(engine: Engine, image: str, *lines: str) -> None:
    """Let an engine have an image that is the one under test as it is deployed, but for these lines."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "Dockerfile").write_text("\n".join([f"FROM {TAG}", *AS_DEPLOYED, *lines, ""]))
        engine.docker("build", "-q", "-t", image, folder)


def pack_servers(folder: Path) -> Path:
    """All servers around the roles, as a tar file."""
    path = folder / "servers.tar"
    bases.pack_servers(path, asyncio.run(binaries.find_mongod()))
    return path


def furnish(engine: Engine, servers: Path) -> None:
    """Let an engine that has the image under test have all that the stack names."""
    derive(engine, STACK)
    bases.load(engine, servers, SERVERS[0])
    for name in SERVERS[1:]:
        engine.docker("tag", SERVERS[0], name)
