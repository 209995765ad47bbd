"""A mirrored collection: the copy that is served, how far it can be trusted, and its answers that are ready."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import TypeAlias
from weakref import WeakSet

from scrapr.model.change import Change, Changes
from scrapr.model.errors import Unavailable
from scrapr.roles.endpoint.answer import Answer
from scrapr.roles.endpoint.query import Copy
from scrapr.roles.endpoint.recent import Recent
from scrapr.runtime.trigger import Trigger

TTL = 300
MAIL = 256
"""Pushes that may wait; the loss of one is a gap, and a gap is asked for."""


ReadyKey: TypeAlias = tuple[str, tuple[str, str], bool]
"""The request's target as written, the format and the encoding that its headers want, and whether it is stale."""


class Mirrored:
    """One collection as this process knows it; changed only between two awaits, so always whole."""

    def __init__(self, name: str, recent: Recent) -> None:
        self.name = name
        self.recent = recent
        self.copy: Copy | None = None
        self.confirmed_at = 0.0
        """When the datasource last confirmed the copy, in seconds since 1970."""
        self.live = False
        """Whether the datasource would tell of a change now."""
        self.ttl = TTL
        """Seconds between two runs."""
        self.crowded = False
        """Whether the copy before changed within the same second: then `Last-Modified` tells nothing."""
        self.ready: dict[ReadyKey, Answer] = {}
        """Another dict as soon as another answer is right."""
        self.pasts: WeakSet[Mirrored] = WeakSet()
        """What it was, as far as that is kept; each is live until the collection begins anew."""
        self.making = asyncio.Lock()
        self.seen = asyncio.Event()
        self.mail: deque[Changes] = deque(maxlen=MAIL)
        self.news = Trigger()

    @property
    def age(self) -> float:
        """Seconds for which nobody knows whether the copy is still right."""
        return 0.0 if self.live else max(0.0, time.time() - self.confirmed_at)

    @property
    def modified(self) -> int | None:
        """The second of the last change, in seconds since 1970; None where it does not tell one state from another."""
        return None if self.crowded or self.copy is None else _second(self.copy)

    async def arrive(self, seconds: float) -> None:
        """Wait until there is a copy. Raises `Unavailable` if there is none in time."""
        if self.copy is not None:
            return
        try:
            async with asyncio.timeout(seconds):
                await self.seen.wait()
        except TimeoutError as error:
            raise Unavailable(
                f"The collection {self.name!r} was not seen here yet, and its datasource does not answer"
            ) from error

    def show(self, copy: Copy, *, confirmed_at: float, changes: Sequence[Change] = ()) -> None:
        """Serve `copy` from now on; `changes` led to it from the one before, where that is so."""
        self.crowded = self.copy is not None and _second(self.copy) == _second(copy)
        self.copy = copy
        self.recent.follow(copy.version, changes)
        self.confirmed_at = confirmed_at
        self.ready = {}
        self.seen.set()

    def expect(self, ttl: int) -> None:
        """A run comes every `ttl` seconds."""
        if ttl != self.ttl:
            self.ttl = ttl
            self.ready = {}

    def confirm(self, *, live: bool) -> None:
        """The datasource says that the copy is right; `live` if it will tell when it is so no longer."""
        self.live = live
        self.confirmed_at = time.time()
        self.ready = {}

    def forget_pasts(self) -> None:
        """What it was may be of a collection that was dropped."""
        for past in self.pasts:
            past.lose(known_until_now=False)
        self.pasts.clear()

    def lose(self, *, known_until_now: bool) -> None:
        """The datasource went away; `known_until_now` if it was in touch until this moment."""
        if self.live and known_until_now:
            self.confirmed_at = time.time()
        self.live = False
        self.ready = {}


def _second(copy: Copy) -> int | None:
    return None if copy.changed_at is None else int(copy.changed_at.timestamp())
