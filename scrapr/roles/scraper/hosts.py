"""The limits of each host, shared by all scrapers through Redis.

A scraper borrows the slots of a host and keeps them for its next requests there, so that Redis is asked when a scraper
needs more, not with each request. Borrowed slots expire: those of a scraper that was killed come back. Each start at a
host that has a pace is given out by Redis. While Redis is away, each scraper goes on with the limits of its own.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from secrets import token_hex

import structlog

from scrapr.fetching.hosts import HostBusy, LocalHosts, Turn
from scrapr.model.errors import Unavailable
from scrapr.roles.scraper.settings import ScraperSettings
from scrapr.roles.scraper.slots import Slots
from scrapr.storage.redis import Redis

log = structlog.get_logger()
LOOK = 0.05
"""Seconds between the first looks for a slot that others have; they become more, up to `LOOK_MOST`."""
LOOK_MOST = 0.5
AWAY = 5.0
"""Seconds for which Redis is not asked after it did not answer."""
SHARED = "shared"
TICKS = 20
"""How often borrowed slots are renewed within their lease."""


@dataclass(slots=True)
class _Host:
    """A host, as this scraper sees it. If others wait, it keeps no more than its `share` of the slots."""

    borrowed: int = 0
    busy: int = 0
    share: int | None = None
    unused: bool = False
    entering: int = 0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    freed: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self) -> bool:
        """Use a borrowed slot, if one is free."""
        if self.busy >= self.borrowed:
            return False
        self.busy += 1
        self.unused = False
        return True


class SharedHosts:
    """`HostLimits` of a cluster. `keep` must run beside it."""

    def __init__(self, slots: Slots, *, tick: float) -> None:
        self._slots = slots
        self._tick = tick
        self._local = LocalHosts()
        self._hosts: dict[str, _Host] = {}
        self._away_until = 0.0

    async def enter(self, host: str, *, slots: int, interval: float, patience: float) -> Turn:
        """As `HostLimits.enter`."""
        if not self._is_away:
            turn = await self._local.enter(host, slots=slots, interval=0, patience=patience)
            try:
                return await self._share(host, turn, slots, interval, patience)
            except BaseException as error:
                await self._local.leave(host, turn)
                if not isinstance(error, Unavailable):
                    raise
                self._lose(error)
        return await self._local.enter(host, slots=slots, interval=interval, patience=patience)

    async def leave(self, host: str, turn: Turn) -> None:
        """As `HostLimits.leave`."""
        await self._local.leave(host, turn)
        if turn.token == SHARED:
            await self._free(host, self._hosts[host])

    async def hold(self, host: str, seconds: float) -> None:
        """As `HostLimits.hold`. Other scrapers learn of it with their next paced start there, or within a tick."""
        await self._local.hold(host, seconds)
        if not self._is_away:
            try:
                await self._slots.hold(host, seconds)
            except Unavailable as error:
                self._lose(error)

    async def keep(self) -> None:
        """Renew what is borrowed, and give back what is not needed or what others wait for, until cancelled."""
        while True:
            await asyncio.sleep(self._tick)
            try:
                for host, state in list(self._hosts.items()):
                    if not self._is_away:
                        await self._renew(host, state)
            except Unavailable as error:
                self._lose(error)

    async def release(self) -> None:
        """Give back everything."""
        try:
            for host, state in list(self._hosts.items()):
                async with state.asking:
                    state.borrowed = 0
                    await self._slots.renew(host, 0)
        except Unavailable as error:
            self._lose(error)

    @property
    def _is_away(self) -> bool:
        return time.monotonic() < self._away_until

    def _lose(self, error: Unavailable) -> None:
        if not self._is_away:
            log.warning("hosts are not shared", seconds=AWAY, reason=error.detail)
        self._away_until = time.monotonic() + AWAY

    async def _share(self, host: str, turn: Turn, slots: int, interval: float, patience: float) -> Turn:
        state = self._hosts.setdefault(host, _Host())
        waited = dict(turn.waited)
        if not state.take():
            await self._borrow(host, state, slots, patience, waited)
        try:
            if interval > 0:
                await self._start(host, interval, patience, waited)
        except BaseException:
            await self._free(host, state)
            raise
        return Turn(waited, SHARED)

    async def _borrow(
        self, host: str, state: _Host, slots: int, patience: float, waited: dict[str, float]
    ) -> None:
        """Wait for a slot: a new one, or one of this scraper's that is freed."""
        started, pause = time.monotonic(), LOOK
        state.entering += 1
        try:
            while not await self._try(host, state, slots):
                if (passed := time.monotonic() - started) > patience:
                    raise HostBusy(passed)
                waited["concurrency"] = waited.get("concurrency", 0.0) + await _rest(state, pause)
                pause = min(pause * 1.5, LOOK_MOST)
        finally:
            state.entering -= 1

    async def _try(self, host: str, state: _Host, slots: int) -> bool:
        async with state.asking:
            if not state.take():
                if not await self._slots.borrow(host, slots):
                    return False
                state.borrowed += 1
                return state.take()
        return True

    async def _start(self, host: str, interval: float, patience: float, waited: dict[str, float]) -> None:
        """Wait for the next start at the host, for which the other scrapers wait, too."""
        held, paced = await self._slots.start(host, interval, patience)
        if held + paced > patience:
            raise HostBusy(held + paced)
        for why, seconds in (("hold", held), ("pace", paced)):
            if seconds:
                waited[why] = waited.get(why, 0.0) + seconds
        await asyncio.sleep(held + paced)

    async def _free(self, host: str, state: _Host) -> None:
        state.busy -= 1
        if state.share is None or state.borrowed <= state.share or self._is_away:
            state.freed.set()
            return
        try:
            async with state.asking:
                state.borrowed -= 1
                await self._slots.renew(host, state.borrowed)
        except Unavailable as error:
            self._lose(error)

    async def _renew(self, host: str, state: _Host) -> None:
        async with state.asking:
            if state.unused:
                state.borrowed = state.busy
            state.unused = True
            state.share, held = await self._slots.renew(host, state.borrowed)
        if held:
            await self._local.hold(host, held)
        if not state.borrowed and not state.entering:
            del self._hosts[host]


async def _rest(state: _Host, pause: float) -> float:
    """Wait until a slot is freed here, or a `pause` is over; how many seconds that took."""
    state.freed.clear()
    started = time.monotonic()
    try:
        async with asyncio.timeout(pause * random.uniform(0.5, 1)):  # noqa: S311 - scrapers look at different times
            await state.freed.wait()
    except TimeoutError:
        pass
    return time.monotonic() - started


def share(redis: Redis, settings: ScraperSettings, container: str) -> SharedHosts:
    """The limits that all scrapers of this installation share, as the one in `container` sees them."""
    member, lease = f"{container}:{token_hex(4)}", settings.slot_lease
    slots = Slots(redis, prefix=f"{settings.prefix}:scraper", member=member, lease=lease)
    return SharedHosts(slots, tick=lease / TICKS)
