"""How many files and connections this process may have open."""

from __future__ import annotations

import resource


def allow_most() -> int:
    """Raise the soft limit, often 1024, to the hard one, as the kernel allows anyone; the answer is what holds now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
