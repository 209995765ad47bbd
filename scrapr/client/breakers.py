"""The circuits to the peers that this process calls: one for each, so that one that hangs costs no other a call."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import Gauge

from scrapr.client.settings import ClientSettings
from scrapr.model.errors import Unavailable
from scrapr.runtime.breaker import Breaker, Circuit

log = structlog.get_logger()
STATE = Gauge(
    "scrapr_breaker_state", "Whether calls to a peer pass: 0 all, 1 one to find out, 2 none", ["peer"]
)
PEERS_MOST = 256


class Breakers:
    """Circuits by the peers' URLs."""

    def __init__(self, settings: ClientSettings) -> None:
        self._settings = settings
        self._circuits: dict[str, Breaker] = {}

    @contextmanager
    def guarding(self, peer: str, *, public: str) -> Iterator[None]:
        """Around one call to `peer`, which raises `Unavailable` if nobody answers, and nothing else then.

        Raises `Unavailable` instead of calling a peer that failed several times in a row a moment ago; `public` is
        what a client is told then.
        """
        breaker, now = self._to(peer), asyncio.get_running_loop().time
        given = breaker.admit(now())
        if given is None:
            wait = breaker.wait(now())
            raise Unavailable(
                f"{peer} failed several times and is left alone for {wait:.1f} s",
                retry_after=wait,
                public=public,
            )
        STATE.labels(peer).set(breaker.circuit)
        try:
            yield
        except Unavailable as error:
            if breaker.fail(given, now()):
                log.warning("peer lost", peer=peer, reason=error.detail)
            raise
        else:
            if breaker.succeed(given):
                log.info("peer recovered", peer=peer)
        finally:
            STATE.labels(peer).set(breaker.circuit)

    def doubts(self, peer: str) -> bool:
        """Whether another peer, if there is one, had better be called: this one failed a short while ago."""
        found = self._circuits.get(peer)
        return found is not None and found.is_doubtful(asyncio.get_running_loop().time())

    def _to(self, peer: str) -> Breaker:
        if peer not in self._circuits:
            self._forget_some()
            settings = self._settings
            self._circuits[peer] = Breaker(failures=settings.breaker_failures, rest=settings.breaker_rest)
        return self._circuits[peer]

    def _forget_some(self) -> None:
        """Replicas come and go, each under a URL of its own."""
        if len(self._circuits) >= PEERS_MOST:
            for peer in [peer for peer, each in self._circuits.items() if each.circuit is Circuit.CLOSED]:
                del self._circuits[peer]
                STATE.remove(peer)
