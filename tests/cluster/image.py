"""The image under test where there is no registry: this interpreter, its libraries and this working copy, as files.

It differs from what the Dockerfile makes in its base alone; nothing of a distribution is in it but shared libraries.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import sys
import sysconfig
import tarfile
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from tests.cluster.engine import Engine, run

TAG = "scrapr:test"
ROOT = Path(__file__).parents[2]
CHANGES = (
    'ENTRYPOINT ["/usr/local/bin/python3", "-m", "scrapr"]',
    "ENV PYTHONPATH=/opt/scrapr PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1",
    "ENV PATH=/usr/local/bin:/usr/bin:/bin",
)


def pack_image(folder: Path) -> Path:
    """The image's files as a tar file."""
    path = folder / "image.tar"
    with tarfile.open(path, "w", dereference=True) as tar:
        for source, place in sorted(_files(), key=lambda pair: pair[1]):
            tar.add(source, place, recursive=False)
        for name in ("tmp", "etc", "run"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(entry)
    return path


def load_image(engine: Engine, path: Path, *, tag: str = TAG) -> None:
    """Let an engine have the packed image."""
    changes = [word for change in CHANGES for word in ("--change", change)]
    engine.docker("import", *changes, str(path), tag)


def _files() -> Iterator[tuple[str, str]]:
    """Each file of the image: where it is here, and there."""
    interpreter, standard = Path(sys.executable).resolve(), Path(sysconfig.get_path("stdlib"))
    bash = Path(shutil.which("bash") or "/bin/bash").resolve()
    found = [(interpreter, "usr/local/bin/python3"), (bash, "bin/bash")]
    found += [(ROOT / "deploy/image/health", "usr/local/bin/health")]
    found += _below(
        standard, f"usr/local/lib/{standard.name}", skip=("site-packages", "test", "idlelib", "config-")
    )
    found += _below(ROOT / "scrapr", "opt/scrapr/scrapr")
    found += (pair for name in ("scrapr", *_locked()) for pair in _of_distribution(name))
    yield from ((str(source), place) for source, place in found)
    binaries = [source for source, _ in found if source in (interpreter, bash) or ".so" in source.name]
    yield from ((library, library.lstrip("/")) for library in sorted(libraries_of(binaries)))


def _below(folder: Path, place: str, *, skip: tuple[str, ...] = ()) -> list[tuple[Path, str]]:
    tops = (each for each in folder.iterdir() if not (skip and each.name.startswith(skip)))
    paths = (path for top in tops for path in (top, *top.rglob("*")))
    # What is compiled here counts there as well: the files' dates come along.
    files = (each for each in paths if each.is_file())
    return [(each, f"{place}/{each.relative_to(folder)}") for each in files]


def _locked() -> list[str]:
    """What the image has beside scrapr, as it is locked for it."""
    lines = (ROOT / "deploy/lock/image.txt").read_text().splitlines()
    found = (re.match(r"([\w.-]+)==\S+(?: ;|\s|$)", line) for line in lines)
    return [match[1] for match in found if match]


def _of_distribution(name: str) -> Iterator[tuple[Path, str]]:
    """Nothing where it is not installed: the lock is for other systems and interpreters, too."""
    with contextlib.suppress(PackageNotFoundError):
        yield from _files_of(distribution(name))


def _files_of(package: Distribution) -> Iterator[tuple[Path, str]]:
    for file in package.files or ():
        source = Path(str(file.locate()))
        # This working copy is installed as a reference to itself, which is nowhere in the image.
        if ".." not in file.parts and file.suffix != ".pth" and source.is_file():
            yield source, f"opt/scrapr/{file}"


def libraries_of(binaries: list[Path]) -> set[str]:
    """The shared libraries that these are linked with, and the dynamic linker."""
    words = [
        word for line in run("ldd", *map(str, binaries), check=False).splitlines() for word in line.split()
    ]
    return {word for word in words if word.startswith("/") and not word.endswith(":")}
