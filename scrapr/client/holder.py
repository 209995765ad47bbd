"""A holder keeps a replica's claims: takes them, renews them, and goes on with them when config is away."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

import structlog

from scrapr.client.config import ConfigClient
from scrapr.client.feed import Feed
from scrapr.model.claim import Claim, ClaimRequest, Claims
from scrapr.model.errors import Unavailable
from scrapr.runtime.trigger import Trigger

log = structlog.get_logger()
RENEWALS = 3
"""Renewals within a lease: two may fail before the claim is lost."""


class ClaimStore(Protocol):
    """Where claims are kept across a restart of the replica."""

    async def load_claims(self, container: str) -> Claims | None:
        """The claims that were saved last; None where there are none."""

    async def save_claims(self, claims: Claims) -> None:
        """Keep `claims` in place of those before."""


class Holder:
    """The claims of one container. `changed` is pulled whenever `claims` is other than before, and at first."""

    def __init__(self, config: ConfigClient, store: ClaimStore, request: ClaimRequest, *, token: str) -> None:
        self._config = config
        self._store = store
        self._request = request
        self._news = Trigger()
        self._claims: dict[str, Claim] = {}
        self._claiming = asyncio.Lock()
        self._released = False
        self._away = False
        self.claimed = False
        """Whether it is known what is held, be it nothing."""
        self.changed = Trigger()
        self._feed = Feed(config.transport.locate, token=token, connected=self._join, told=self._hear)

    @property
    def claims(self) -> Mapping[str, Claim]:
        """What is held now, by the configuration's id."""
        return self._claims

    async def listen(self) -> None:
        """Hear of new and changed configurations, until cancelled."""
        await self._feed.run()

    async def hold(self) -> None:
        """Claim at once, then with every hint, and in time to renew, until cancelled."""
        async with self._claiming:
            lease = await self._start()
        while True:
            await self._news.wait(timeout=lease / RENEWALS)
            if self._released:
                return
            try:
                lease = await self.refresh()
            except Unavailable as error:
                self._note_away(error)
            else:
                self._note_back()

    async def refresh(self) -> float:
        """Claim anew now; the answer is the lease in seconds. Raises `Unavailable`."""
        async with self._claiming:
            if self._released:
                raise Unavailable("This process is stopping and claims nothing more")
            known = await self._config.claim(self._request)
            await self._take(known)
            return known.lease

    async def release(self) -> None:
        """Give everything back, so that another replica need not wait for the lease to end.

        Nothing is claimed any more: a hint that comes now would take it all again.
        """
        self._released = True
        async with self._claiming:
            try:
                await self._config.release(self._request.container)
            except Unavailable as error:
                log.warning("claims not released", reason=error.detail)

    def _note_away(self, error: Unavailable) -> None:
        if not self._away:
            log.warning("config lost, claims are not renewed", reason=error.detail, held=len(self._claims))
        self._away = True

    def _note_back(self) -> None:
        if self._away:
            log.info("config recovered, claims are renewed", held=len(self._claims))
        self._away = False

    async def _start(self) -> float:
        try:
            claims = await self._config.claim(self._request.model_copy(update={"fresh": True}))
        except Unavailable as error:
            kept = await self._load()
            if kept is None:
                raise
            log.warning(
                "config is away, going on with kept claims", reason=error.detail, held=len(kept.claims)
            )
            claims = kept
        await self._take(claims)
        return claims.lease

    async def _load(self) -> Claims | None:
        try:
            return await self._store.load_claims(self._request.container)
        except Unavailable:
            return None

    async def _take(self, claims: Claims) -> None:
        now = {claim.configuration.id: claim for claim in claims.claims}
        before, self._claims = self._claims, now
        first, self.claimed = not self.claimed, True
        if first:
            self.changed.pull()
        if _essence(before) == _essence(now):
            return
        log.info(
            "claims",
            held=len(now),
            gained=len(now.keys() - before.keys()),
            lost=len(before.keys() - now.keys()),
        )
        self.changed.pull()
        try:
            await self._store.save_claims(claims)
        except Unavailable as error:
            log.warning("claims not kept", reason=error.detail)

    async def _join(self) -> None:
        await self._feed.join({"type": self._request.type, "pool": self._request.pool})
        self._news.pull()

    async def _hear(self, _event: str, _payload: Any) -> None:
        self._news.pull()


def _essence(claims: Mapping[str, Claim]) -> dict[str, tuple[int, int]]:
    return {identity: (claim.epoch, claim.configuration.revision) for identity, claim in claims.items()}
