"""Standard output and error when whoever read them is gone."""

from __future__ import annotations

import os
import select

OUTPUTS = (1, 2)
"""The descriptors of standard output and error."""
DEAD = select.POLLERR | select.POLLHUP | select.POLLNVAL


def let_go_of_dead() -> None:
    """Send what is written to a closed terminal or a broken pipe nowhere, where it would raise EIO or EPIPE."""
    for output in OUTPUTS:
        if _is_dead(output):
            nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
            os.dup2(nowhere, output)
            if nowhere != output:
                os.close(nowhere)


def _is_dead(output: int) -> bool:
    poller = select.poll()
    poller.register(output, 0)
    return any(events & DEAD for _, events in poller.poll(0))
