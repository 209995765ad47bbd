"""A collection's recent changes, written once for all who listen, and what a listener is told next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import orjson

from scrapr.model.change import Change

ASKED = 16
"""Pieces from the datasource that are kept: of many who missed the same, one asks."""
PIECE = 64 * 1024
"""Bytes after which no further change joins a piece: no more than this waits for one client at a time."""
ANEW = "the collection began anew"


@dataclass(frozen=True)
class Told:
    """A change as JSON. `end` is where it ends, in bytes of all that the collection told so far."""

    version: int
    body: bytes
    end: int

    @cached_property
    def frame(self) -> bytes:
        """As a server-sent event."""
        return event("change", self.body, version=self.version)

    @cached_property
    def message(self) -> str:
        """As the event of a Socket.IO packet."""
        return f'["change",{self.body.decode()}]'


@dataclass(frozen=True)
class Piece:
    """Changes that are sent at once."""

    told: Sequence[Told]

    @property
    def version(self) -> int:
        """Where whoever has them is."""
        return self.told[-1].version

    @cached_property
    def frames(self) -> bytes:
        """As server-sent events."""
        return b"".join(each.frame for each in self.told)


@dataclass(frozen=True)
class Reset:
    """What came after the client's version cannot be told: it must reload the collection, and go on from `version`."""

    version: int
    reason: str

    def body(self, collection: str) -> bytes:
        """As JSON."""
        return orjson.dumps({"collection": collection, "version": self.version, "reason": self.reason})


@dataclass(frozen=True)
class Replay:
    """The datasource must be asked for the changes after `since`, or whether there was such a version at all."""

    since: int


Step: TypeAlias = Piece | Reset | Replay | None
"""None: the client has everything."""


def event(name: str, body: bytes, *, version: int) -> bytes:
    """A server-sent event whose id is a version (WHATWG HTML, 9.2); JSON has no line break in it."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (version, name.encode(), body)


def write(changes: Sequence[Change], *, end: int = 0) -> list[Told]:
    """The changes as they are told; the first begins at `end`."""
    told = []
    for change in changes:
        body = orjson.dumps(change.told())
        end += len(body)
        told.append(Told(change.version, body, end))
    return told


def cut(told: Sequence[Told]) -> Piece:
    """As many of them, from the first on, as are sent at once."""
    begin = told[0].end - len(told[0].body)
    count = next((n for n, each in enumerate(told, 1) if each.end - begin >= PIECE), len(told))
    return Piece(tuple(told[:count]))


class Recent:
    """The newest changes of one collection, at most `most` of them in at most `most_bytes`.

    `latest` is the version that the endpoint shows, None before there is any. `anew` counts how often the collection
    began anew: then versions from before mean nothing.
    """

    def __init__(self, *, most: int, most_bytes: int) -> None:
        self.latest: int | None = None
        self.anew = 0
        self._most = most
        self._most_bytes = most_bytes
        self._told: dict[int, Told] = {}
        self._end = 0
        self._pieces: dict[int, Piece] = {}
        self._asked: dict[int, Piece] = {}

    def follow(self, version: int, changes: Sequence[Change] = ()) -> None:
        """The endpoint shows `version` now; `changes` led to it, where that is known."""
        self._pieces = {}
        if self.latest is None or not changes or changes[0].version != self.latest + 1:
            self._leap(version)
            return
        told = write(changes[-self._most :], end=self._end)
        if len(told) < len(changes):
            self._told.clear()
        self._told |= {each.version: each for each in told}
        self.latest, self._end = version, told[-1].end
        self._forget()

    def after(self, version: int, anew: int) -> Step:
        """What comes next for a listener that has `version`, known while `anew` was as given."""
        if self.latest is None or (version == self.latest and anew == self.anew):
            return None
        if anew != self.anew:
            return Reset(self.latest, ANEW)
        if version + 1 not in self._told:
            return self._asked.get(version, Replay(version))
        if version not in self._pieces:
            told = [self._told[each] for each in range(version + 1, self.latest + 1)]
            self._pieces[version] = cut(told)
        return self._pieces[version]

    def learn(self, since: int, piece: Piece) -> None:
        """The datasource says that `piece` came after `since`."""
        if len(self._asked) >= ASKED:
            del self._asked[next(iter(self._asked))]
        self._asked[since] = piece

    def keeps_after(self, version: int) -> bool:
        """Whether all that came after `version` is still here."""
        return self.latest is None or version >= self.latest or version + 1 in self._told

    def _leap(self, version: int) -> None:
        if version == self.latest:
            return
        if self.latest is not None and version < self.latest:
            self.anew += 1
            self._asked.clear()
        self._told.clear()
        self.latest = version

    def _forget(self) -> None:
        """Drop the oldest beyond the bounds; the newest stays, however large it is."""
        oldest = iter(list(self._told.values()))
        begin = self._end - self._most_bytes
        while len(self._told) > 1:
            first = next(oldest)
            if len(self._told) <= self._most and first.end - len(first.body) >= begin:
                return
            del self._told[first.version]
