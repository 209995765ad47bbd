"""How often a host can be asked, told from how it answers."""

from __future__ import annotations

from dataclasses import dataclass

SMOOTHING = 0.2
FORGETTING = 1.01
STRAIN = 2.0
NOTICEABLE = 0.1
"""Seconds below which a host is never said to strain: that is our own machine's noise."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What one host's answers told so far: smoothed and best seconds per answer, and the pace they suggest."""

    usual: float = 0.0
    best: float = 0.0
    pace: float = 0.0


def listen(rhythm: Rhythm, seconds: float, *, failed: bool, limit: float) -> Rhythm:
    """The rhythm after one more answer.

    A failure makes the pace grow by half, up to `limit` seconds. An answer twice as slow as the host's best
    makes it at least the usual time of an answer, so that about one request is there at a time. Otherwise the
    pace shrinks by a fifth, and is none below a millisecond. The best is forgotten by one per cent with each
    answer, so that a host that became slow for good is not punished for ever.
    """
    usual = seconds if rhythm.usual == 0 else rhythm.usual + SMOOTHING * (seconds - rhythm.usual)
    best = usual if rhythm.best == 0 else min(usual, rhythm.best * FORGETTING)
    pace = rhythm.pace * 0.8 if rhythm.pace > 0.001 else 0.0
    if failed:
        pace = max(rhythm.pace * 1.5, usual, NOTICEABLE)
    elif usual > NOTICEABLE and usual > STRAIN * best:
        pace = max(pace, usual)
    return Rhythm(usual, best, min(limit, pace))
