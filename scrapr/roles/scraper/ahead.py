"""Which pages probably come next, and how many of them to fetch before that is known. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

STEP_MOST = 10_000
MISSES_MOST = 2
TEXT_MOST = 4_000_000
"""Characters of pages that one run may hold before it knows that it wants them."""

_NUMBERS = re.compile(r"([0-9]{1,9})", re.ASCII)
_PLACE = re.compile(r"[a-z]+://[^/?]*", re.IGNORECASE)


def guess(before: str, after: str, count: int) -> tuple[str, ...]:
    """Up to `count` URLs that go on as `after` followed `before`: `?page=2` and `?page=3` with `?page=4`.

    All numbers that differ must go on by steps of their own; nothing else may differ. Leading zeros are kept.
    """
    place = _PLACE.match(after)
    if place is None or not before.startswith(place[0]) or before == after:
        return ()
    old, new = (_NUMBERS.split(url[place.end() :]) for url in (before, after))
    if old[::2] != new[::2]:
        return ()
    steps = [0 if a == b else int(b) - int(a) for a, b in zip(old[1::2], new[1::2], strict=True)]
    if not any(steps) or max(map(abs, steps)) > STEP_MOST:
        return ()
    moving = [(2 * at + 1, step) for at, step in enumerate(steps) if step]
    guesses: list[str] = []
    parts = list(new)
    for distance in range(1, count + 1):
        for at, step in moving:
            number = int(new[at]) + step * distance
            if number < 0:
                return tuple(guesses)
            parts[at] = str(number).zfill(len(new[at])) if new[at].startswith("0") else str(number)
        guesses.append(place[0] + "".join(parts))
    return tuple(guesses)


@dataclass(frozen=True, slots=True)
class Foresight:
    """How far a run looks ahead: `depth` pages, at most `most`. It grows while guesses are right and help."""

    most: int
    depth: int = 1
    misses: int = 0

    @property
    def reach(self) -> int:
        """How many pages to fetch ahead now."""
        return 0 if self.misses >= MISSES_MOST else min(self.depth, self.most)

    def hit(self, *, waited: bool, size: int) -> Foresight:
        """After a page of `size` characters that was guessed; one that `waited` at the host came no sooner for it."""
        depth = self.depth // 2 if waited else self.depth * 2
        room = TEXT_MOST // max(size, 1)
        depth = max(1, min(depth, self.most, room))
        return self if depth == self.depth else replace(self, depth=depth)

    def miss(self) -> Foresight:
        """After guesses that the real link did not confirm."""
        return replace(self, depth=1, misses=self.misses + 1)
