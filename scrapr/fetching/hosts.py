"""Whose turn it is at a host: how many requests at the same time, and how soon after each other."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

STATES_SWEPT_AT = 4096


class HostBusy(Exception):
    """The turn would come too late; `seconds` is how long it would take, as far as that is known."""

    def __init__(self, seconds: float):
        super().__init__(f"the turn would come in {seconds:.1f} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Turn:
    """A request's turn at a host.

    `waited` is how long it waited for what, in seconds: "concurrency", "pace" and "hold", those over zero.
    `token` is for the implementation, to know its turn again when it is given back.
    """

    waited: Mapping[str, float] = field(default_factory=dict)
    token: str = ""


class HostLimits(Protocol):
    """What all requests to a host share: in one process, or across a cluster.

    An implementation that loses its shared state goes on with limits of its own process; it never fails a
    request for that.
    """

    async def enter(self, host: str, *, slots: int, interval: float, patience: float) -> Turn:
        """Wait until a request to `host` may start, then take one of its `slots`.

        It starts no sooner than `interval` seconds after the start before it, and not while the host is held.
        Raises `HostBusy` instead of waiting for more than `patience` seconds. One that is cancelled while it
        waits leaves nothing taken.
        """

    async def leave(self, host: str, turn: Turn) -> None:
        """Give the turn back; it is called exactly once for each `enter` that returned."""

    async def hold(self, host: str, seconds: float) -> None:
        """Let no request to `host` start for so long from now, because the host asked for it."""


@dataclass(slots=True)
class _Host:
    busy: int = 0
    next_start: float = 0.0
    held_until: float = 0.0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    def wake(self) -> None:
        """Let the first that still waits look again."""
        while self.waiting:
            waiter = self.waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


class LocalHosts:
    """The limits of one process."""

    def __init__(self) -> None:
        self._hosts: dict[str, _Host] = {}

    async def enter(self, host: str, *, slots: int, interval: float, patience: float) -> Turn:
        """As `HostLimits.enter`."""
        state = self._hosts.get(host) or self._add(host)
        waited: dict[str, float] = {}
        if state.busy >= slots or state.waiting:
            waited["concurrency"] = await self._queue(state, slots, patience)
        state.busy += 1
        try:
            await self._start(state, interval, patience, waited)
        except BaseException:
            self._free(state)
            raise
        return Turn(waited)

    async def leave(self, host: str, turn: Turn) -> None:  # noqa: ARG002 - the protocol's; no token needed here
        """As `HostLimits.leave`."""
        self._free(self._hosts[host])

    async def hold(self, host: str, seconds: float) -> None:
        """As `HostLimits.hold`."""
        state = self._hosts.get(host) or self._add(host)
        state.held_until = max(state.held_until, time.monotonic() + seconds)

    async def _queue(self, state: _Host, slots: int, patience: float) -> float:
        """Wait, first come first served, until less than `slots` are busy; how long that took."""
        loop = asyncio.get_running_loop()
        started = time.monotonic()
        first = False
        try:
            async with asyncio.timeout(patience):
                while True:
                    waiter = loop.create_future()
                    # One that was woken and finds too few slots for itself keeps its place.
                    state.waiting.insert(0 if first else len(state.waiting), waiter)
                    try:
                        await waiter
                    except asyncio.CancelledError:
                        self._abandon(state, waiter)
                        raise
                    first = True
                    if state.busy < slots:
                        break
        except TimeoutError as error:
            raise HostBusy(patience) from error
        if state.busy + 1 < slots:
            state.wake()
        return time.monotonic() - started

    def _abandon(self, state: _Host, waiter: asyncio.Future[None]) -> None:
        if waiter.done() and not waiter.cancelled():
            state.wake()  # it was woken and cancelled at once: the next one gets its place
        elif waiter in state.waiting:
            state.waiting.remove(waiter)

    async def _start(self, state: _Host, interval: float, patience: float, waited: dict[str, float]) -> None:
        now = time.monotonic()
        paced, held = state.next_start, state.held_until
        if paced <= now and held <= now:
            state.next_start = now + interval
            return
        start = max(now, paced, held)
        if start - now > patience:
            raise HostBusy(start - now)
        state.next_start = start + interval
        if held > now:
            waited["hold"] = held - now
        if start > max(now, held):
            waited["pace"] = start - max(now, held)
        await asyncio.sleep(start - now)
        await self._sit_out(state, patience, waited)

    async def _sit_out(self, state: _Host, patience: float, waited: dict[str, float]) -> None:
        """Wait for the end of a hold that began during the wait."""
        while (left := state.held_until - time.monotonic()) > 0:
            if left > patience:
                raise HostBusy(left)
            waited["hold"] = waited.get("hold", 0.0) + left
            await asyncio.sleep(left)

    def _free(self, state: _Host) -> None:
        state.busy -= 1
        state.wake()

    def _add(self, host: str) -> _Host:
        if len(self._hosts) >= STATES_SWEPT_AT:
            now = time.monotonic()
            self._hosts = {name: state for name, state in self._hosts.items() if _is_needed(state, now)}
        return self._hosts.setdefault(host, _Host())


def _is_needed(state: _Host, now: float) -> bool:
    return state.busy > 0 or bool(state.waiting) or max(state.next_start, state.held_until) > now
