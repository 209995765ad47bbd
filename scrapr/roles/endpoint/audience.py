"""The audience: all who listen to collections here, what each is told, and when one is too slow to stay."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal, Protocol, TypeAlias

import structlog

from scrapr.client.datasource import DatasourceClient
from scrapr.model.change import Changes
from scrapr.model.errors import Expired, NotFound, Refused, Unavailable
from scrapr.roles.endpoint import follow, metrics
from scrapr.roles.endpoint.follow import Apply, Reload
from scrapr.roles.endpoint.mirrored import Mirrored
from scrapr.roles.endpoint.recent import Piece, Replay, Reset, Step, write
from scrapr.roles.endpoint.settings import EndpointSettings
from scrapr.runtime.trigger import Trigger

log = structlog.get_logger()
LOOK = 1.0
"""Seconds between two looks at all listeners."""
TURN = 500
"""Listeners that are woken before others, as requests, have their turn."""
REPLAYS = 4
"""Stretches that are asked of the datasource at once."""
STRETCH = 200
"""Changes in a stretch: it is all in memory while one client takes it."""

Verdict: TypeAlias = Literal["wake", "behind", "stalled"] | None
"""behind, stalled: the client is to be cut off."""


class Line(Protocol):
    """The way to one client. What is sent waits until the client has taken most of what came before.

    All but `cut` raise `OSError` once the client is gone.
    """

    kind: str

    @property
    def gone(self) -> bool:
        """Whether the client is known to be gone."""

    async def tell(self, piece: Piece) -> None:
        """Send changes."""

    async def reset(self, collection: str, reset: Reset) -> None:
        """Send word that the collection must be reloaded."""

    async def beat(self) -> None:
        """Send a sign of life, where the way has none of its own."""

    def cut(self) -> None:
        """Drop the connection and what waits for it."""


class Listener:
    """One client of one collection, and where it is."""

    def __init__(self, mirrored: Mirrored, line: Line, *, since: int | None) -> None:
        self.mirrored = mirrored
        self.line = line
        self.sent = metrics.PUSH_EVENTS.labels(line.kind)
        self.version = since if since is not None else mirrored.recent.latest or 0
        self.anew = mirrored.recent.anew
        self.news = asyncio.Event()
        self.over = False
        self.abreast = False
        """Whether it had everything once; before, it takes what was missed at its own pace."""
        self.waits: float | None = None
        """Since when the client lets us wait, by the loop's clock."""
        self.spoke = 0.0

    @contextmanager
    def speaking(self, now: float) -> Iterator[None]:
        """While something is sent."""
        self.waits = self.spoke = now
        try:
            yield
        finally:
            self.waits = None


def judge(listener: Listener, now: float, settings: EndpointSettings) -> Verdict:
    """What to do with a listener at the time `now`."""
    recent = listener.mirrored.recent
    if listener.waits is not None:
        if now - listener.waits > settings.push_stall:
            return "stalled"
        return "behind" if listener.abreast and not recent.keeps_after(listener.version) else None
    here = (listener.version, listener.anew) == (recent.latest, recent.anew)
    due = now - listener.spoke >= settings.push_heartbeat
    return None if here and not due and not listener.over and not listener.line.gone else "wake"


class Audience:
    """All listeners of this process, within `push_clients` connections.

    A change is written once and lies with its collection; a listener only knows how far it is. So a client that
    does not read costs no memory but what its connection holds, and it is cut off when it falls too far behind.
    """

    def __init__(self, datasource: DatasourceClient, settings: EndpointSettings, *, most: int) -> None:
        self._datasource = datasource
        self._settings = settings
        self._most = most
        self._taken = 0
        self._listeners: set[Listener] = set()
        self._news = Trigger()
        self._replays = asyncio.Semaphore(REPLAYS)
        self.closed = False

    def retry(self) -> int:
        """Milliseconds after which a client that lost us should come again: for each another, lest all come at once."""
        return int(self._settings.push_retry * random.uniform(500, 1500))  # noqa: S311 - spreads load, no secret

    @contextmanager
    def seat(self, kind: str) -> Iterator[None]:
        """A connection's place. Raises `Unavailable` where there is none."""
        if self.closed:
            raise Unavailable("This process is stopping; another one will take this", retry_after=1)
        if self._taken >= self._most:
            metrics.PUSH_REFUSED.inc()
            raise Unavailable(f"All {self._most} connections for pushes are taken", retry_after=5)
        self._taken += 1
        clients = metrics.PUSH_CLIENTS.labels(kind)
        clients.inc()
        try:
            yield
        finally:
            self._taken -= 1
            clients.dec()

    def tell(self) -> None:
        """Something changed: let everybody whom it concerns look."""
        self._news.pull()

    def leave(self, mirrored: Mirrored) -> None:
        """A collection is no longer served here: its listeners must find another endpoint."""
        self._end(listener for listener in self._listeners if listener.mirrored is mirrored)

    def close(self) -> None:
        """Let everybody go, and nobody in."""
        self.closed = True
        self._end(self._listeners)

    async def tend(self) -> None:
        """Wake listeners that have something to do and cut off those that are too slow, until cancelled."""
        clock = asyncio.get_running_loop()
        while True:
            await self._news.wait(timeout=LOOK)
            now = clock.time()
            for number, listener in enumerate(tuple(self._listeners)):
                if number % TURN == TURN - 1:
                    await asyncio.sleep(0)
                self._look(listener, now)

    async def attend(self, listener: Listener) -> None:
        """Tell a client what it lacks and then what is new, in order, until it is gone or we are."""
        self._listeners.add(listener)
        try:
            while not listener.over and not listener.line.gone and not self.closed:
                listener.news.clear()
                if not await self._serve(listener):
                    await listener.news.wait()
        except OSError as error:
            log.debug("listener gone", collection=listener.mirrored.name, reason=str(error))
        finally:
            self._listeners.discard(listener)

    async def _serve(self, listener: Listener) -> bool:
        """Whether there was something to tell."""
        step = listener.mirrored.recent.after(listener.version, listener.anew)
        if isinstance(step, Replay):
            step = await self._replay(listener, step.since)
        match step:
            case Piece():
                with listener.speaking(asyncio.get_running_loop().time()):
                    await listener.line.tell(step)
                listener.sent.inc(len(step.told))
                listener.version = step.version
            case Reset():
                listener.version, listener.anew = step.version, listener.mirrored.recent.anew
                metrics.PUSH_RESETS.inc()
                with listener.speaking(asyncio.get_running_loop().time()):
                    await listener.line.reset(listener.mirrored.name, step)
            case _:
                listener.abreast = listener.abreast or listener.version == listener.mirrored.recent.latest
                await self._beat(listener)
                return False
        return True

    async def _beat(self, listener: Listener) -> None:
        now = asyncio.get_running_loop().time()
        if now - listener.spoke >= self._settings.push_heartbeat:
            with listener.speaking(now):
                await listener.line.beat()

    async def _replay(self, listener: Listener, since: int) -> Step:
        """What the datasource says came after `since`; None while it does not answer, and while we are behind it."""
        mirrored = listener.mirrored
        if not mirrored.live:
            return None  # it is asked again once the datasource is heard of
        try:
            async with asyncio.timeout(self._settings.push_heartbeat), self._replays:
                known = mirrored.recent.after(since, listener.anew)
                if not isinstance(known, Replay):
                    return known  # somebody else missed the same and has asked meanwhile
                page = await self._ask(mirrored.name, since)
        except (Unavailable, TimeoutError) as error:
            log.debug("not replayed", collection=mirrored.name, since=since, reason=str(error))
            return None
        except Refused as error:  # as 410: they are no longer kept
            return Reset(mirrored.recent.latest or 0, error.detail)
        return self._understand(mirrored, since, page) if listener.anew == mirrored.recent.anew else None

    def _understand(self, mirrored: Mirrored, since: int, page: Changes) -> Step:
        match follow.read(since, page):
            case Apply(changes):
                metrics.PUSH_REPLAYED.inc(len(changes))
                piece = Piece(write(changes))
                mirrored.recent.learn(since, piece)
                return piece
            case Reload(reason):
                return Reset(mirrored.recent.latest or 0, reason)
        return None

    async def _ask(self, collection: str, since: int) -> Changes:
        try:
            return await self._datasource.changes(collection, since=since, limit=STRETCH)
        except NotFound:
            return Changes(collection=collection, since=since, version=0, latest=0, changes=())
        except Expired:
            # There is more, and it cannot be had: that is a gap.
            return Changes(collection=collection, since=since, version=since, latest=since + 1, changes=())

    def _look(self, listener: Listener, now: float) -> None:
        match judge(listener, now, self._settings):
            case "wake":
                listener.news.set()
            case "behind" | "stalled" as reason:
                metrics.PUSH_CUT.labels(reason).inc()
                log.info("slow client cut off", collection=listener.mirrored.name, reason=reason)
                listener.over = True
                listener.line.cut()

    def _end(self, listeners: Iterable[Listener]) -> None:
        for listener in listeners:
            listener.over = True
            listener.news.set()
