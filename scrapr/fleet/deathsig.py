"""A child that does not outlive its parent, by Linux's parent-death signal (prctl(2), PR_SET_PDEATHSIG).

The signal comes when the *thread* that forked ends, so fork only from the main thread. It outlives `execve`, but
not `fork`: every generation asks for itself. Other systems have no such signal: children of a killed parent stay.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1

# Loaded here, not in the child: between fork and exec, loading a library may wait for a lock that nobody releases.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent `parent` dies, and die now if it is dead already.

    To be called in the child, with the process id that the parent had read before the fork.
    """
    if _LIBC is None:
        return
    if _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        os._exit(128 + signal.SIGKILL)
