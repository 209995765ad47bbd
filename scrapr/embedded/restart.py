"""How soon to start again what died: at once, and later each time that it dies young."""

from __future__ import annotations

STEADY = 30.0
"""Seconds of life after which a death counts as the first again."""
FIRST_PAUSE = 0.1


def count_young(young: int, lived: float) -> int:
    """Deaths in a row of lives shorter than `STEADY`, after one more that lasted `lived` seconds."""
    return young + 1 if lived < STEADY else 1


def pause(young: int, most: float) -> float:
    """Seconds to wait before the next start, after so many such deaths: 0.1, 0.2, 0.4 … `most`."""
    return min(most, FIRST_PAUSE * 2.0 ** min(young - 1, 20))
