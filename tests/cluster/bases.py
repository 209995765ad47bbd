"""Stand-ins for the images that a registry would give: the machine's own programs, with the libraries they need."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.cluster.engine import Engine
from tests.cluster.image import libraries_of
from tests.components import require

SHELL = [
    "sh",
    "bash",
    "env",
    "cat",
    "ls",
    "rm",
    "mv",
    "mkdir",
    "chmod",
    "find",
    "touch",
    "id",
    "sleep",
    "grep",
    "sed",
]
LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}
FOLDERS = (
    "tmp",
    "run",
    "proc",
    "sys",
    "dev",
    "var/log/nginx",
    "var/lib/nginx",
    "var/cache/nginx",
    "data",
    "root",
)

LATER = (
    "libnss_files.so.2",
    "libnss_dns.so.2",
    "libresolv.so.2",
    "libgcc_s.so.1",
    "libstdc++.so.6",
    "libm.so.6",
    "librt.so.1",
    "libpthread.so.0",
    "libdl.so.2",
    "libutil.so.1",
)


def pack_python(path: Path) -> None:
    """What `python:3.11-slim` is for the Dockerfile: a shell, and this interpreter in /usr/local."""
    standard, prefix = Path(sysconfig.get_path("stdlib")), Path(sys.base_prefix).resolve()
    interpreter = (prefix / "bin" / f"python3.{sys.version_info.minor}").resolve()
    with _Packing(path) as tar:
        _add_programs(tar, SHELL)
        for name in ("python3", interpreter.name):
            tar.add(interpreter, f"usr/local/bin/{name}")
        skipped = ("site-packages", "test", "idlelib", "config-", "__pycache__")
        for each in sorted(standard.iterdir()):
            if not each.name.startswith(skipped):
                tar.add(each, f"usr/local/lib/{standard.name}/{each.name}", filter=_without_caches)
        _add_libraries(tar, [interpreter, *standard.glob("lib-dynload/*.so"), *_opened_later()])


def pack_servers(path: Path, mongod: Path) -> None:
    """All servers that stand around the roles in one image, which is loaded under each of their names."""
    programs = [*SHELL, "redis-server", "redis-cli", "nginx", "consul"]
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        require("docker", f"{', '.join(missing)} is not installed")
    with _Packing(path) as tar:
        _add_programs(tar, programs)
        tar.add(mongod, "usr/bin/mongod")
        modules = sorted(Path("/usr/lib/nginx/modules").glob("*.so"))
        for folder in ("/etc/nginx", "/usr/share/nginx", "/usr/lib/nginx"):
            for each in sorted(Path(folder).rglob("*")):
                if each.is_file():
                    tar.add(each, str(each).lstrip("/"))
        tar.add("/usr/lib/nginx/modules", "usr/share/nginx/modules")  # where `load_module modules/…` looks
        # Debian's nginx runs its workers as www-data.
        for name in ("etc/passwd", "etc/group"):
            tar.add(f"/{name}", name)
        _add_libraries(tar, [mongod, *modules, *_opened_later()])


def load(engine: Engine, path: Path, *tags: str) -> None:
    """Let an engine have a packed base under these names."""
    for tag in tags:
        path_variable = "ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8"
        engine.docker("import", "--change", path_variable, str(path), tag)


class _Packing:
    """A tar file that is laid out as a root file system whose /bin and /lib are in /usr."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> tarfile.TarFile:
        self._tar = tarfile.open(self._path, "w", dereference=True)
        for name, target in LINKS.items():
            self._tar.addfile(_entry(target, tarfile.DIRTYPE))
            link = _entry(name, tarfile.SYMTYPE)
            link.linkname = target
            self._tar.addfile(link)
        for name in FOLDERS:
            self._tar.addfile(_entry(name, tarfile.DIRTYPE))
        return self._tar

    def __exit__(self, *_: object) -> None:
        self._tar.close()


def _entry(name: str, kind: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = kind, 0o1777 if name == "tmp" else 0o755
    return entry


def _add_programs(tar: tarfile.TarFile, names: Iterable[str]) -> None:
    found = [Path(where) for name in names if (where := shutil.which(name))]
    for path in found:
        tar.add(path, f"usr/bin/{path.name}")
    _add_libraries(tar, found)


def _add_libraries(tar: tarfile.TarFile, binaries: Iterable[Path]) -> None:
    known, needing = set(tar.getnames()), list(binaries)
    own = {str(each) for each in needing if each.name.startswith("lib") and ".so." in each.name}
    for library in sorted(libraries_of(needing) | own):
        # From /lib to /usr/lib, and from anywhere else (an interpreter's own place) to where the linker looks.
        system = library.startswith(("/lib", "/usr/lib"))
        place = (
            f"usr/{library.removeprefix('/usr').lstrip('/')}" if system else f"usr/lib/{Path(library).name}"
        )
        if place not in known:
            tar.add(os.path.realpath(library), place)


def _opened_later() -> Iterator[Path]:
    """What glibc opens by itself to look names up, and what wheels count on as part of every Linux."""
    for name in LATER:
        yield from Path("/lib").glob(f"*-linux-gnu/{name}")


def _without_caches(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if entry.name.endswith("__pycache__") else entry
