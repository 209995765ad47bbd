"""What comes after a page, what a run has found so far, and how it ended. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TypeVar

from scrapr.model.batch import Outcome
from scrapr.model.item import Item

ERROR_SHOWN = 2000
SELECTORS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Stop:
    """There is nothing more to fetch; `error` says so where that is not the natural end."""

    error: str | None = None


class Trail:
    """The pages that a run has visited.

    `limit` is how many its user asked for, which is a natural end; `most` is how many this process grants, which
    is not: records of the pages beyond it must not count as gone.
    """

    def __init__(self, source: str, *, limit: int | None, most: int) -> None:
        self._seen = {source}
        self._pages = 0
        self._limit = limit
        self._most = most

    @property
    def room(self) -> int:
        """How many more pages may be visited."""
        return min(self._limit or self._most, self._most) - self._pages

    def knows(self, url: str) -> bool:
        """Whether the run has been at `url`, or is to go there."""
        return url in self._seen

    def repeats(self, asked: str, arrived: str) -> bool:
        """Whether `asked` led, by redirects, to a page that was visited before."""
        return arrived != asked and arrived in self._seen

    def follow(self, arrived: str, next_url: str | None) -> str | Stop:
        """Where to go on after the page at `arrived`, whose next link is `next_url`."""
        self._pages += 1
        self._seen.add(arrived)
        if next_url is None or next_url in self._seen or self._pages == self._limit:
            return Stop()
        if self._pages >= self._most:
            return Stop(f"There are more than the {self._most} pages that the settings allow a run")
        self._seen.add(next_url)
        return next_url


@dataclass(frozen=True, slots=True)
class Counts:
    """What a run has fetched (`bytes`, `retries`, `waited` in seconds by cause) and read, and handed over.

    `pages` were read, `matches` by selector were found on them; `unchanged` are as they were when their
    `unchanged_items` were sent; `wasted` were fetched ahead for nothing. `absent` counts the followed pages that
    are not there; `first_absent` says of one why. `found` counts items, `filled` those whose field is not empty,
    `unconverted` the values of a field that its filters could not convert.
    """

    pages: int = 0
    unchanged: int = 0
    unchanged_items: int = 0
    wasted: int = 0
    bytes: int = 0
    retries: int = 0
    waited: Mapping[str, float] = field(default_factory=dict)
    matches: Mapping[str, int] = field(default_factory=dict)
    found: int = 0
    filled: Mapping[str, int] = field(default_factory=dict)
    unconverted: Mapping[str, int] = field(default_factory=dict)
    absent: int = 0
    first_absent: str = ""
    batches: int = 0
    items: int = 0

    def fetched(self, *, size: int, retries: int, waited: Mapping[str, float]) -> Counts:
        """With one more page fetched."""
        if not (size or retries or waited):
            return self
        return replace(
            self, bytes=self.bytes + size, retries=self.retries + retries, waited=_add(self.waited, waited)
        )

    def read(
        self,
        items: Sequence[Item] = (),
        *,
        matches: Mapping[str, int],
        unconverted: Mapping[str, int] | None = None,
        absent: Sequence[str] = (),
    ) -> Counts:
        """With one more page read."""
        return replace(
            self,
            pages=self.pages + 1,
            matches=_add(self.matches, matches),
            found=self.found + len(items),
            filled=_add(self.filled, _count_filled(items)),
            unconverted=_add(self.unconverted, unconverted or {}),
            absent=self.absent + len(absent),
            first_absent=self.first_absent or next(iter(absent), ""),
        )

    def fill(self, fields: Iterable[str]) -> dict[str, float]:
        """Which part of the items has something in each of the `fields`; nothing is known without items."""
        if not self.found:
            return {}
        return {name: round(self.filled.get(name, 0) / self.found, 4) for name in fields}

    def skipped(self, items: int) -> Counts:
        """With one more page that did not change since its `items` were sent."""
        return replace(self, unchanged=self.unchanged + 1, unchanged_items=self.unchanged_items + items)

    def sent(self, *batches: int) -> Counts:
        """With more batches, of so many items each."""
        return replace(self, batches=self.batches + len(batches), items=self.items + sum(batches))


def _count_filled(items: Sequence[Item]) -> Mapping[str, int]:
    """How many items have something in each field: not null, nor an empty text, list or object; zero and false are."""
    filled = Counter(chain.from_iterable(items))
    for item in items:
        if not all(item.values()):
            filled.subtract(name for name, value in item.items() if not value and value != 0)
    return filled


N = TypeVar("N", int, float)


def _add(sums: Mapping[str, N], more: Mapping[str, N]) -> Mapping[str, N]:
    return {**sums, **{name: sums.get(name, 0) + n for name, n in more.items()}} if more else sums


def conclude(counts: Counts, error: str | None) -> tuple[Outcome, str | None]:
    """How a run ended, and why if not well. What was handed over before an error is kept."""
    if error is not None:
        return ("cut" if counts.batches or counts.unchanged else "failed"), error[:ERROR_SHOWN]
    if counts.items or counts.unchanged_items:
        return "complete", explain_absent(counts)
    return "empty", explain_nothing(counts)


def explain_absent(counts: Counts) -> str | None:
    """Which followed pages were not there, or None; the run is complete nevertheless."""
    if not counts.absent:
        return None
    return f"Followed pages that are not there: {counts.absent}; the first: {counts.first_absent}"[
        :ERROR_SHOWN
    ]


def explain_nothing(counts: Counts) -> str:
    """Why there are no items: the selectors that matched nothing."""
    visited = counts.pages + counts.unchanged
    pages = "the page" if visited == 1 else f"the {visited} pages"
    if counts.unchanged and not counts.pages:
        since = "has not changed since it" if visited == 1 else "have not changed since they"
        return f"No items: {pages} {since} had none"
    if counts.matches.get("scope") == 0:
        return f"No items: scope matched nothing on {pages}"
    dead = [name for name, found in counts.matches.items() if not found and name != "paginate"]
    if not dead:
        return f"No items: what the selectors matched on {pages} is empty"
    more = f" and {len(dead) - SELECTORS_SHOWN} more" if len(dead) > SELECTORS_SHOWN else ""
    return f"No items: {', '.join(dead[:SELECTORS_SHOWN])}{more} matched nothing on {pages}"
