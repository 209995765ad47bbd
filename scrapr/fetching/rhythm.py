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

    While a host answers with errors, or twice as slowly as at its best, the pace grows by half with each
    answer, up to `limit` seconds; otherwise it shrinks by a fifth, and is none below a millisecond. The best
    is forgotten by one per cent with each answer, so that a host that became slow for good is not punished
    for ever.
    """
    usual = seconds if rhythm.usual == 0 else rhythm.usual + SMOOTHING * (seconds - rhythm.usual)
    best = usual if rhythm.best == 0 else min(usual, rhythm.best * FORGETTING)
    if failed or (usual > NOTICEABLE and usual > STRAIN * best):
        return Rhythm(usual, best, min(limit, max(rhythm.pace * 1.5, usual / 2, NOTICEABLE)))
    return Rhythm(usual, best, rhythm.pace * 0.8 if rhythm.pace > 0.001 else 0.0)
