"""From a fork of the zygote to a replica of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING

from scrapr.fleet import deathsig
from scrapr.model import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import NoReturn

    from scrapr.fleet.replica import ReplicaSpec


def fork(spec: ReplicaSpec, run: Callable[[str, Mapping[str, str]], int], close: Callable[[], None]) -> int:
    """Fork a child that runs the replica and ends with its exit code; return its process id.

    `close` closes, in the child, what belongs to the zygote. Raises `errors.Refused` when the log cannot be opened,
    `errors.Unavailable` when the system has no room for a process.
    """
    log = _open_log(spec.log)
    zygote = os.getpid()
    # What is buffered would be written by both.
    sys.stdout.flush()
    sys.stderr.flush()
    # Blocked over the fork: a signal to the child that met the zygote's handlers would count as one to the zygote.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _live(spec, run, close, zygote, log, mask)
        # Here and in the child: whoever is first, the group exists before it is signalled.
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
    except OSError as e:
        raise errors.Unavailable(f"replica {spec.name} cannot be started: {e}") from e
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if log is not None:
            os.close(log)
    return pid


def _open_log(path: str | None) -> int | None:
    if path is None:
        return None
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
    except OSError as e:
        raise errors.Refused(f"log {path} cannot be opened: {e.strerror}") from e


def _live(
    spec: ReplicaSpec,
    run: Callable[[str, Mapping[str, str]], int],
    close: Callable[[], None],
    zygote: int,
    log: int | None,
    mask: set[int] | set[signal.Signals],
) -> NoReturn:
    """Become the replica; whatever happens, the child never returns into the zygote's loop."""
    code = 1
    try:
        deathsig.die_with(zygote)
        os.setpgid(0, 0)
        _restore_signals()
        close()
        _redirect(log)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        code = run(spec.role, spec.environment)
    except SystemExit as e:
        code = _exit_code(e.code)
    except BaseException:  # noqa: BLE001 - the last frame of a process: its traceback is all that can be done
        traceback.print_exc()
    finally:
        _leave(code)


def _exit_code(asked: object) -> int:
    """What the interpreter makes of `sys.exit(asked)`."""
    if asked is None or isinstance(asked, int):
        return asked or 0
    sys.stderr.write(f"{asked}\n")
    return 1


def _restore_signals() -> None:
    os.close(signal.set_wakeup_fd(-1))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _redirect(log: int | None) -> None:
    if log is None:
        return
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def _leave(code: int) -> NoReturn:
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code & 0xFF)
