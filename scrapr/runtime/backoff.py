"""How long to wait before the next try."""

from __future__ import annotations

import random


def delay(failures: int, *, first: float = 0.1, most: float = 5.0) -> float:
    """Seconds to wait after `failures` failures in a row (1, 2, …): doubled each time, with full jitter.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015; never under half of `first`.
    """
    ceiling = min(most, first * 2 ** min(failures - 1, 30))
    return max(first / 2, random.uniform(0, ceiling))  # noqa: S311 - jitter, no secret
