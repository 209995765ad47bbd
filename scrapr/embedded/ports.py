"""Ports of the loopback address: which are free, and which a server keeps from start to start."""

from __future__ import annotations

import contextlib
import random
import socket
from typing import TYPE_CHECKING

from scrapr.model import errors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOOPBACK = "127.0.0.1"
# Below the range from which Linux takes ports for outgoing connections: none of those can be in the way at a restart.
FIRST, LAST = 20000, 32000


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As servers do: connections that an earlier server has closed do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def require_free(ports: Mapping[str, int], host: str) -> None:
    """Raise `errors.Conflict` that names every taken port with its role."""
    taken = [f"{port} ({role})" for role, port in ports.items() if not is_free(port, host)]
    if not taken:
        return
    plural, verb = ("", "is") if len(taken) == 1 else ("s", "are")
    raise errors.Conflict(
        f"port{plural} {', '.join(taken)} of {host} {verb} taken by another program; "
        "`--port-base N` moves all five to N … N+4"
    )


def choose(kept: Path, *, same: bool = False) -> int:
    """The port kept in the file if it is free or must be the `same`, else a free one."""
    with contextlib.suppress(OSError, ValueError):
        port = int(kept.read_text())
        if FIRST <= port <= LAST and (same or is_free(port)):
            return port
    while True:
        port = random.randint(FIRST, LAST)  # noqa: S311 - spreads several machines' servers, no secret
        if is_free(port):
            return port


def keep(kept: Path, port: int) -> None:
    """Have `choose` give this port again."""
    kept.write_text(f"{port}\n")
