"""What config keeps of who serves what: the claims, which are part of the configurations, and leases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import structlog
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from scrapr.model.claim import ClaimRequest, Claims
from scrapr.model.lease import Lease
from scrapr.roles.config import claiming, document, metrics
from scrapr.roles.config.claiming import FIRST, SEATS, Seat
from scrapr.storage.mongo import Database, Document, translated

log = structlog.get_logger()
BATCH = 10_000
"""Documents that one round trip may bring; the first of them brings but 101 unless asked for more."""
ROUNDS = 100
"""Tries of one request to take what is free; more are needed only where that many others were faster each time."""
Held: TypeAlias = dict[str, tuple[Seat, Document]]
"""By the configuration's id: the seat of it that a container has; it has never two."""


class ClaimStore:
    """The claims. Every method raises `Unavailable`."""

    def __init__(self, database: Database, lease: float) -> None:
        self._all = database["configurations"]
        self._lease = lease

    async def claim(self, request: ClaimRequest, seats: Sequence[Seat] = (FIRST,)) -> Claims:
        """Renew what the container holds, take what is free up to its slots, oldest first; all it holds then.

        Each write repeats the condition under which it may happen, so claimers need not wait for each other:
        who comes too late finds fewer free and looks again. Three round trips where there is nothing to take and
        configurations have one seat. What is held on other `seats` than these is not renewed.
        """
        place = claiming.served_by(request)
        found = await self._renewed(place, request, seats)
        kept = dict(list(found.items())[: request.slots])
        surplus = {each: found[each] for each in found.keys() - kept.keys()}
        await self._give_back(surplus, request.container)
        held = kept | await self._take_free(place, request, seats, room=request.slots - len(kept))
        if surplus or len(held) > len(kept):
            counts = {"held": len(held), "taken": len(held) - len(kept), "given_back": len(surplus)}
            log.info("claims", container=request.container, **place, **counts)
        return self._claims(request.container, held)

    async def renew(self, container: str) -> Claims:
        """Renew what the container holds, of whatever type and pool; all it holds."""
        held: Held = {}
        for seat in SEATS:
            mine = claiming.held_by(container, seat)
            await self._renew(mine, seat, fresh=False)
            held |= await self._find(mine, seat)
        return self._claims(container, held)

    async def release(self, container: str) -> int:
        """Give back all that the container holds; how many those were."""
        return sum([await self._release(claiming.held_by(container, seat), seat) for seat in SEATS])

    async def sweep(self) -> int:
        """Free the claims whose lease has ended, so that others hear of them; how many those were."""
        lost = 0
        for seat in SEATS:
            update = {"$set": claiming.release(seat)}
            with translated():
                lost += (await self._all.update_many(claiming.expired(seat), update)).modified_count
        metrics.LOST.inc(lost)
        return lost

    async def _renewed(self, place: Document, request: ClaimRequest, seats: Sequence[Seat]) -> Held:
        held: Held = {}
        for seat in seats:
            mine = {**place, **claiming.held_by(request.container, seat)}
            await self._renew(mine, seat, fresh=request.fresh)
            held |= await self._find(mine, seat)
        return dict(sorted(held.items()))

    async def _renew(self, where: Document, seat: Seat, *, fresh: bool) -> None:
        when = {} if fresh else claiming.due(self._lease, seat)
        update = claiming.renewal(self._lease, seat, fresh=fresh)
        with translated():
            metrics.RENEWED.inc((await self._all.update_many({**where, **when}, update)).modified_count)

    async def _find(self, where: Document, seat: Seat) -> Held:
        with translated():
            found = await self._all.find(where).sort("_id").batch_size(BATCH).to_list()
        return {each["_id"]: (seat, each) for each in found}

    async def _take_free(
        self, place: Document, request: ClaimRequest, seats: Sequence[Seat], *, room: int
    ) -> Held:
        """First seats first: a configuration that nobody serves comes before one that lacks a copy."""
        taken: Held = {}
        several = len(seats) > 1 and await self._has_others(place, request, seats)
        for seat in seats:
            wanted = {**place, **claiming.apart(request, seat, seats, several=several)}
            for _ in range(ROUNDS):
                free = await self._free(wanted, seat, room - len(taken)) if room > len(taken) else []
                if not free:
                    break
                taken |= await self._take(free, wanted, request, seat)
        return taken

    async def _has_others(self, place: Document, request: ClaimRequest, seats: Sequence[Seat]) -> bool:
        """Whether replicas of the pool have claims on another node than this one."""
        if request.node is None:
            return False
        with translated():
            found = await self._all.find_one({**place, **claiming.elsewhere(request, seats)}, {"_id": 1})
        return found is not None

    async def _free(self, wanted: Document, seat: Seat, limit: int) -> list[str]:
        with translated():
            found = self._all.find({**wanted, **claiming.free(seat)}, {"_id": 1}).sort("_id").limit(limit)
            return [each["_id"] for each in await found.to_list()]

    async def _take(self, free: list[str], wanted: Document, request: ClaimRequest, seat: Seat) -> Held:
        among = {"_id": {"$in": free}, **wanted}
        update = claiming.taking(request, self._lease, seat)
        with translated():
            taken = (await self._all.update_many({**among, **claiming.free(seat)}, update)).modified_count
        metrics.TAKEN.inc(taken)
        mine = {"_id": {"$in": free}, **claiming.held_by(request.container, seat)}
        return await self._find(mine, seat) if taken else {}

    async def _give_back(self, surplus: Held, container: str) -> None:
        for seat in {seat for seat, _ in surplus.values()}:
            ids = [identity for identity, (its, _) in surplus.items() if its == seat]
            await self._release({"_id": {"$in": ids}, **claiming.held_by(container, seat)}, seat)

    async def _release(self, where: Document, seat: Seat) -> int:
        with translated():
            update = {"$set": claiming.release(seat)}
            released = (await self._all.update_many(where, update)).modified_count
        metrics.RELEASED.inc(released)
        return released

    def _claims(self, container: str, held: Held) -> Claims:
        ordered = (held[identity] for identity in sorted(held))
        claims = tuple(document.claim(found, seat) for seat, found in ordered)
        return Claims(container=container, lease=self._lease, claims=claims)


class LeaseStore:
    """The leases, each of which one process of several holds. Every method raises `Unavailable`."""

    def __init__(self, database: Database, lease: float) -> None:
        self._all = database["leases"]
        self._lease = lease

    async def hold(self, name: str, container: str) -> Lease:
        """Take the lease for `container` unless another holds it; who holds it then."""
        try:
            return await self._hold(name, container)
        except DuplicateKeyError:
            # Two were the first to ask; now it is there.
            return await self._hold(name, container)

    async def _hold(self, name: str, container: str) -> Lease:
        update = claiming.leasing(container, self._lease)
        with translated():
            # mypy: the driver types this as perhaps nothing, which an upsert never gives.
            found: Any = await self._all.find_one_and_update(
                {"_id": name}, update, upsert=True, return_document=ReturnDocument.AFTER
            )
        return Lease(name=name, container=found["container"], epoch=found["epoch"], seconds=self._lease)

    async def give_back(self, name: str, container: str) -> bool:
        """Let another take the lease at once; False where `container` does not hold it."""
        with translated():
            update = {"$set": {"expires_at": None}}
            done = await self._all.update_one({"_id": name, "container": container}, update)
        return done.modified_count == 1
