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
FAREWELL = 3.0
"""Seconds that config may take to have claims given back; then their leases end by themselves."""
PATIENCE = 0.5
"""Seconds that config may take at first, and the store: claims wait for neither where it hangs."""


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
        self._answered = False
        self._lease = 0.0
        self._unkept: Claims | None = None
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
        """Claim at once, then with every hint, and in time to renew, until cancelled.

        Where config takes longer than a moment at first, what was kept is taken meanwhile. Raises `Unavailable` where
        nothing was kept and config does not answer.
        """
        up_to_date = await self._claim_soon()
        while not self._released:
            if not up_to_date:
                await self._renew()
            up_to_date = False
            await self._keep()
            await self._news.wait(timeout=self._lease / RENEWALS)

    async def _claim_soon(self) -> bool:
        """Whether config answered within a moment; else kept claims are taken: a config that hangs takes long."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self.refresh()
        except (Unavailable, TimeoutError):
            await self._go_on()
            return False
        return True

    async def _renew(self) -> None:
        try:
            await self.refresh()
        except Unavailable as error:
            if not self.claimed:
                raise
            self._note_away(error)
        else:
            self._note_back()

    async def refresh(self) -> float:
        """Claim anew now; the answer is the lease in seconds. Raises `Unavailable`.

        Until config answered once the claim is a fresh one: the epochs of the process before must end.
        """
        async with self._claiming:
            if self._released:
                raise Unavailable("This process is stopping and claims nothing more")
            known = await self._config.claim(self._request.model_copy(update={"fresh": not self._answered}))
            self._answered = True
            self._take(known)
            return known.lease

    async def release(self) -> None:
        """Give everything back, so that another replica need not wait for the lease to end.

        Nothing is claimed any more: a hint that comes now would take it all again. A config that hangs does not hold
        up the end of this process.
        """
        self._released = True
        try:
            async with asyncio.timeout(FAREWELL), self._claiming:
                await self._config.release(self._request.container)
        except (Unavailable, TimeoutError) as error:
            log.warning("claims not released", reason=str(error) or type(error).__name__)

    def _note_away(self, error: Unavailable) -> None:
        if not self._away:
            log.warning("config lost, claims are not renewed", reason=error.detail, held=len(self._claims))
        self._away = True

    def _note_back(self) -> None:
        if self._away:
            log.info("config recovered, claims are renewed", held=len(self._claims))
        self._away = False

    async def _go_on(self) -> None:
        """Take what was kept."""
        async with self._claiming:
            if self.claimed or (kept := await self._load()) is None:
                return
            log.info("going on with kept claims", held=len(kept.claims))
            self._take(kept)
            self._unkept = None

    async def _load(self) -> Claims | None:
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._store.load_claims(self._request.container)
        except (Unavailable, TimeoutError):
            return None

    def _take(self, claims: Claims) -> None:
        now = {claim.configuration.id: claim for claim in claims.claims}
        before, self._claims = self._claims, now
        first, self.claimed = not self.claimed, True
        self._lease = claims.lease
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
        self._unkept = claims

    async def _keep(self) -> None:
        """Keep what the store lacks; what fails is tried again in the next round."""
        if (claims := self._unkept) is None:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await self._store.save_claims(claims)
        except (Unavailable, TimeoutError) as error:
            log.warning("claims not kept", reason=str(error) or type(error).__name__)
            return
        if self._unkept is claims:
            self._unkept = None

    async def _join(self) -> None:
        await self._feed.join({"type": self._request.type, "pool": self._request.pool})
        self._news.pull()

    async def _hear(self, _event: str, _payload: Any) -> None:
        self._news.pull()


def _essence(claims: Mapping[str, Claim]) -> dict[str, tuple[int, int]]:
    return {identity: (claim.epoch, claim.configuration.revision) for identity, claim in claims.items()}
