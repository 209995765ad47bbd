"""A zygote whose roles are tiny: `python zygote_script.py SOCKET`; the role says what the replica does."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

# Both are what a real zygote preloads: importing them must leave no thread and no loop behind.
import aiohttp
import uvloop

from scrapr.fleet import zygote


def run(role: str, environment: Mapping[str, str]) -> int:
    """Do what the role says, and return its exit code."""
    if role == "tell":
        return tell(environment)
    if role == "fail":
        raise LookupError("this role fails")
    if role == "code":
        return int(environment["CODE"])
    if role == "leave":
        sys.exit("left by itself")
    if role == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if role == "parent":
        grandchild = subprocess.Popen(["sleep", "300"])
        Path(environment["TELL"]).write_text(str(grandchild.pid))
    if role == "loop":
        Path(environment["TELL"]).write_text(uvloop.run(open_session()))
        return 0
    sys.stdout.write(f"{role} is up\n")
    sys.stdout.flush()
    while True:
        time.sleep(60)


def tell(environment: Mapping[str, str]) -> int:
    """Write what a replica finds itself in."""
    inherited = {
        "open": sorted(int(entry.name) for entry in Path("/proc/self/fd").iterdir() if entry.exists()),
        "group": os.getpgid(0),
        "pid": os.getpid(),
        "blocked": len(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "terminable": signal.getsignal(signal.SIGTERM) == signal.SIG_DFL,
        "environment": dict(environment),
    }
    Path(environment["TELL"]).write_text(json.dumps(inherited))
    return 0


async def open_session() -> str:
    """Show that an event loop works in a forked replica."""
    async with aiohttp.ClientSession() as session:
        return type(session).__name__


if __name__ == "__main__":
    zygote.serve(Path(sys.argv[1]), run, grace=float(sys.argv[2]) if len(sys.argv) > 2 else 5.0)
