"""A mirrored collection: the copy that is served, how far it can be trusted, and its answers that are ready."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from scrapr.model.change import Change, Changes
from scrapr.model.errors import Unavailable
from scrapr.roles.endpoint.query import Copy, Shape
from scrapr.roles.endpoint.recent import Recent
from scrapr.runtime.trigger import Trigger

MAIL = 256
"""Pushes that may wait; the loss of one is a gap, and a gap is asked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A body with its headers, ready to be sent. `tag` is its entity tag without marks."""

    body: bytes
    headers: dict[str, str]
    tag: str


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
        self.ready: dict[tuple[Shape, bool, str], Answer] = {}
        """By shape, staleness and query string; another dict as soon as another answer is right."""
        self.making = asyncio.Lock()
        self.seen = asyncio.Event()
        self.mail: deque[Changes] = deque(maxlen=MAIL)
        self.news = Trigger()

    @property
    def age(self) -> float:
        """Seconds for which nobody knows whether the copy is still right."""
        return 0.0 if self.live else max(0.0, time.time() - self.confirmed_at)

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
        self.copy = copy
        self.recent.follow(copy.version, changes)
        self.confirmed_at = confirmed_at
        self.ready = {}
        self.seen.set()

    def confirm(self, *, live: bool) -> None:
        """The datasource says that the copy is right; `live` if it will tell when it is so no longer."""
        self.live = live
        self.confirmed_at = time.time()
        self.ready = {}

    def lose(self, *, known_until_now: bool) -> None:
        """The datasource went away; `known_until_now` if it was in touch until this moment."""
        if self.live and known_until_now:
            self.confirmed_at = time.time()
        self.live = False
        self.ready = {}
