"""What is remembered of a configuration's pages, so that one that did not change costs next to nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

import orjson

from scrapr import __version__
from scrapr.model.configuration import Configuration


class Known(NamedTuple):
    """What a page was when it was read last.

    `url` is where redirects led; `next_url` and `items` are what was found; `run` read it, at `read_at` (seconds
    since 1970). The others are what tells that it did not change: ETag, Last-Modified, the body's hash.
    """

    url: str
    etag: str | None
    last_modified: str | None
    body_hash: str | None
    next_url: str | None
    items: int
    run: str
    read_at: float

    def encode(self) -> bytes:
        """As it is stored."""
        return orjson.dumps(tuple(self))


def decode(value: bytes) -> Known | None:
    """What was stored; None for what another version wrote."""
    try:
        return Known(*orjson.loads(value))
    except (orjson.JSONDecodeError, TypeError):
        return None


def name_of(configuration: Configuration) -> str:
    """What pages are remembered under: it is another one when the same page could give other items.

    A new release may read a page in another way, so it begins anew, too.
    """
    told = configuration.model_dump_json(include={"collection", "scraper", "key", "collect", "revision"})
    digest = blake2b(f"{__version__} {told}".encode(), digest_size=16).hexdigest()
    return f"{configuration.id}:{digest}"


@dataclass(frozen=True, slots=True)
class News:
    """What a run changes in what is stored."""

    learned: Mapping[str, Known]
    forgotten: tuple[str, ...]


@dataclass(slots=True)
class Memory:
    """The pages of one configuration during one run, by the URL that they are asked for.

    What was read before `since` is not believed any more: whatever may have gone wrong with its items meanwhile,
    they are sent again. At most `most` pages are remembered.
    """

    known: Mapping[str, Known] = field(default_factory=dict)
    since: float = 0.0
    most: int = 0
    _seen: set[str] = field(default_factory=set)
    _learned: dict[str, Known] = field(default_factory=dict)

    def recall(self, url: str) -> Known | None:
        """What the page was, if that is still to be believed."""
        known = self.known.get(url)
        return known if known is not None and known.read_at >= self.since else None

    def confirm(self, url: str) -> None:
        """The page is as it was."""
        self._seen.add(url)

    def learn(self, url: str, known: Known) -> None:
        """The page is another, and what it gave is with the datasource."""
        self._seen.add(url)
        if len(self._seen) <= self.most:
            self._learned[url] = known

    def chain(self, url: str, length: int) -> Iterator[str]:
        """Up to `length` pages that came after `url` the last time."""
        for _ in range(length):
            known = self.recall(url)
            if known is None or known.next_url is None:
                return
            url = known.next_url
            yield url

    def news(self, *, whole: bool) -> News:
        """What to store; after a `whole` run what it did not come by is forgotten, else when it becomes too much.

        What changed in any other run is forgotten, too: only a run that reads it and ends well removes what it lost.
        """
        crowded = len(self.known.keys() | self._learned.keys()) > self.most
        forgotten = self.known.keys() - self._seen if whole or crowded else set()
        if whole:
            return News(self._learned, tuple(forgotten))
        changed = self._learned.keys() & self.known.keys()
        learned = {url: known for url, known in self._learned.items() if url not in changed}
        return News(learned, (*forgotten, *changed))
