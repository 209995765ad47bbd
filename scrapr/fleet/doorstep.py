"""The zygote's unix socket in the file system."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING

from scrapr.model import errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONGEST_PATH = 107
"""Bytes that Linux takes as a unix socket's path (sun_path less the final NUL, unix(7))."""


@contextlib.contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """Listen at the path, for this user alone.

    A file left by a killed predecessor is replaced, and ours is removed at the end. Raises `errors.Conflict` when
    somebody answers there, `errors.Refused` when the path cannot be a socket's.
    """
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise errors.Refused(f"socket path {path} is longer than {LONGEST_PATH} bytes")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        _remove_stale(path)
        _bind(listener, path)
        listener.listen(128)
        listener.setblocking(False)
        ours = path.stat().st_ino
        try:
            yield listener
        finally:
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_ino == ours:
                    path.unlink()


def _bind(listener: socket.socket, path: Path) -> None:
    mask = os.umask(0o177)
    try:
        listener.bind(os.fspath(path))
    except OSError as e:
        raise errors.Refused(f"socket {path} cannot be made: {e.strerror}") from e
    finally:
        os.umask(mask)


def _remove_stale(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(os.fspath(path))
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            if not path.is_socket():
                raise errors.Refused(f"{path} exists and is no socket") from None
            path.unlink(missing_ok=True)
        except OSError as e:
            raise errors.Refused(f"socket {path} cannot be made: {e.strerror}") from e
        else:
            raise errors.Conflict(f"another zygote answers at {path}")
