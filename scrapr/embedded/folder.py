"""The data folder, held by one `scrapr up` at a time."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scrapr.fleet import doorstep
from scrapr.model import errors

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Folder:
    """Where everything is that outlives `scrapr up`."""

    path: Path
    """Absolute."""

    @property
    def logs(self) -> Path:
        """One `<name>.log` for each child."""
        return self.path / "log"

    def log(self, name: str) -> Path:
        """The log of a child."""
        return self.logs / f"{name}.log"

    def port(self, name: str) -> Path:
        """The file that keeps a server's port."""
        return self.path / f"{name}.port"

    def store(self, name: str) -> Path:
        """A server's own folder."""
        return self.path / name

    def make_store(self, name: str) -> None:
        """Make a server's own folder if need be; raises `errors.Refused`."""
        try:
            self.store(name).mkdir(exist_ok=True)
        except OSError as e:
            raise errors.Refused(f"data folder {self.store(name)} cannot be made: {e.strerror}") from e

    @property
    def socket(self) -> Path:
        """The zygote's socket; in the system's temporary folder if the data folder's path is too long for one."""
        path = self.path / "zygote.sock"
        if len(os.fsencode(path)) <= doorstep.LONGEST_PATH:
            return path
        mark = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"scrapr-{os.getuid()}-{mark}.sock"


def prepare(path: Path) -> Folder:
    """The folder, made if need be, for this user alone; raises `errors.Refused` when it cannot be made."""
    folder = Folder(path.absolute())
    try:
        folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.logs.mkdir(exist_ok=True)
    except OSError as e:
        raise errors.Refused(f"data folder {folder.path} cannot be used: {e.strerror}") from e
    return folder


@contextlib.contextmanager
def held(path: Path) -> Iterator[Folder]:
    """Hold the folder, made if need be, for this process, however that ends.

    Raises `errors.Conflict` when another `scrapr up` holds it, `errors.Refused` when it cannot be made or written.
    """
    folder = prepare(path)
    try:
        # Not inherited by children: the kernel lets go when this process ends, even if a child still dies.
        descriptor = os.open(folder.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as e:
        raise errors.Refused(f"data folder {folder.path} cannot be used: {e.strerror}") from e
    try:
        _lock(descriptor, folder)
        yield folder
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Folder) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as e:
        pid = os.pread(descriptor, 20, 0).decode().strip() or "unknown"
        raise errors.Conflict(
            f"data folder {folder.path} is in use by another `scrapr up` (pid {pid}); "
            "stop it, or use `--data` and `--port-base` for a second one"
        ) from e
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
