"""A real registry on the machine itself, from which the engines of the tests pull."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.cluster.engine import Engine, Wire
from tests.components import require
from tests.conftest import find_free_port
from tests.system.machine import wait_for

ROOT = Path(__file__).parents[2]
PROGRAM = "docker-registry"
PATH = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin"}
LOGIN = "puller:of-a-test"
HASH = "$2y$05$8P8I9g0umTpVG84r5bZcJu7JVHT.7DRChnk2HV9S5VLO/B6MZW5g2"
"""Of the password, by bcrypt, which Python does not have."""


@contextmanager
def serving(wire: Wire, folder: Path) -> Iterator[str]:
    """A registry; where it is, as images name it."""
    if shutil.which(PROGRAM) is None:
        require("docker", f"{PROGRAM} is not installed")
    where = f"{wire.address}:{find_free_port()}"
    settings = folder / "registry.yml"
    settings.write_text(
        "version: 0.1\n"
        "log: {level: warn}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder / 'images'}}}}}\n"
        f"http: {{addr: '{where}', secret: of-a-test}}\n"
        f"auth: {{htpasswd: {{realm: tests, path: {folder / 'passwords'}}}}}\n"
    )
    (folder / "passwords").write_text(f"{LOGIN.partition(':')[0]}:{HASH}\n")
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, "serve", str(settings)], stdout=log, stderr=log)
    try:
        wait_for(lambda: _answers(where), 60)
        yield where
    finally:
        process.terminate()
        process.wait(timeout=20)


def _answers(where: str) -> bool:
    try:
        return httpx.get(f"http://{where}/v2/").status_code == 401
    except httpx.HTTPError:
        return False


def log_in(engine: Engine, registry: str, home: Path) -> None:
    """`docker login`, whose outcome is below `home`."""
    user, _, password = LOGIN.partition(":")
    words = ["docker", "-H", engine.url, "login", "-u", user, "--password-stdin", registry]
    done = subprocess.run(
        words, input=password, env={**PATH, "HOME": str(home)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def push(engine: Engine, registry: str, image: str, home: Path) -> str:
    """`make push` of an image that an engine has under the project's version; its name with the digest."""
    command = ["make", "-s", "push", f"REGISTRY={registry}", f"IMAGE={image}"]
    environment = {**PATH, "DOCKER_HOST": engine.url, "HOME": str(home)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]
