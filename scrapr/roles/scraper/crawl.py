"""What comes after a page, what a run has found so far, and how it ended. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from scrapr.model.batch import Outcome

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
    """What a run has fetched (`pages`, `bytes`, `retries`, `matches` by selector) and handed over.

    `absent` counts the followed pages that are not there; `first_absent` says of one why.
    """

    pages: int = 0
    bytes: int = 0
    retries: int = 0
    matches: Mapping[str, int] = field(default_factory=dict)
    absent: int = 0
    first_absent: str = ""
    batches: int = 0
    items: int = 0

    def fetched(
        self, *, size: int, retries: int, matches: Mapping[str, int], absent: Sequence[str] = ()
    ) -> Counts:
        """With one more page."""
        return replace(
            self,
            pages=self.pages + 1,
            bytes=self.bytes + size,
            retries=self.retries + retries,
            matches={**self.matches, **{name: self.matches.get(name, 0) + n for name, n in matches.items()}},
            absent=self.absent + len(absent),
            first_absent=self.first_absent or next(iter(absent), ""),
        )

    def sent(self, items: int) -> Counts:
        """With one more batch."""
        return replace(self, batches=self.batches + 1, items=self.items + items)


def conclude(counts: Counts, error: str | None) -> tuple[Outcome, str | None]:
    """How a run ended, and why if not well. What was handed over before an error is kept."""
    if error is not None:
        return ("cut" if counts.batches else "failed"), error[:ERROR_SHOWN]
    if counts.items:
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
    pages = "the page" if counts.pages == 1 else f"the {counts.pages} pages"
    if counts.matches.get("scope") == 0:
        return f"No items: scope matched nothing on {pages}"
    dead = [name for name, found in counts.matches.items() if not found and name != "paginate"]
    if not dead:
        return f"No items: what the selectors matched on {pages} is empty"
    more = f" and {len(dead) - SELECTORS_SHOWN} more" if len(dead) > SELECTORS_SHOWN else ""
    return f"No items: {', '.join(dead[:SELECTORS_SHOWN])}{more} matched nothing on {pages}"
