"""Claims in MongoDB's language: when a configuration is free, and what taking, renewing and releasing it set.

Time is the server's (`$$NOW`), never a replica's. A configuration without a holder has null for `container` and
for `expires_at`; null sorts before every time, so one comparison finds both the released and the expired, by index.

Where a pool asks for several copies, a configuration has a seat for each. The first seat is the claim as it always was:
`container`, `epoch`, `expires_at`; the others have the same fields with `_1`, `_2` … behind their names, missing until
somebody takes them, which compares as null does. Each seat has epochs of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from scrapr.model.claim import ClaimRequest
from scrapr.model.pool import COPIES_MAX, PoolDraft

Seat: TypeAlias = str
"""What stands behind the names of a seat's fields: nothing for the first, `_1` for the second."""
FIRST: Final[Seat] = ""
SEATS: Final[tuple[Seat, ...]] = (FIRST, *(f"_{number}" for number in range(1, COPIES_MAX)))
FIELDS: Final = tuple(
    f"{name}{seat}" for name in ("container", "epoch", "expires_at", "node") for seat in SEATS
)
"""What claims write on a configuration."""
SHOWN: Final[dict[str, Any]] = {
    "$set": {"container": {"$cond": [{"$gt": ["$expires_at", "$$NOW"]}, "$container", None]}}
}
"""A stage that shows the holder of an expired claim to nobody, whether or not it was swept yet."""
FRESH_SHARE: Final = 5 / 6
"""A claim with more than this share of its lease left is not written again: hints come in bursts, and each makes
every replica of a pool claim."""


def within(request: ClaimRequest, pool: PoolDraft | None) -> ClaimRequest:
    """The request with no more slots than its pool gives one replica now, whatever the replica was started with."""
    return request.model_copy(update={"slots": min(request.slots, pool.slots)}) if pool else request


def seats_of(pool: PoolDraft | None) -> tuple[Seat, ...]:
    """The seats that a configuration of this pool has."""
    return SEATS[: pool.copies] if pool else SEATS[:1]


def served_by(request: ClaimRequest) -> dict[str, Any]:
    """The configurations that this replica may claim."""
    return {"type": request.type, "pool": request.pool}


def free(seat: Seat = FIRST) -> dict[str, Any]:
    """Nobody holds the seat."""
    return {"$expr": {"$lte": [f"$expires_at{seat}", "$$NOW"]}}


def held(seat: Seat = FIRST) -> dict[str, Any]:
    """Somebody holds the seat."""
    return {"$expr": {"$gt": [f"$expires_at{seat}", "$$NOW"]}}


def held_by(container: str, seat: Seat) -> dict[str, Any]:
    """The container has the seat, or had it last."""
    return {f"container{seat}": container}


def apart(request: ClaimRequest, seat: Seat, seats: Iterable[Seat], *, several: bool) -> dict[str, Any]:
    """The container has no other seat; nor has its node, where there are `several`."""
    others = [other for other in seats if other != seat]
    wish: dict[str, Any] = {f"container{other}": {"$ne": request.container} for other in others}
    if several and others:
        wish["$nor"] = [{f"node{other}": request.node, **held(other)} for other in others]
    return wish


def elsewhere(request: ClaimRequest, seats: Iterable[Seat]) -> dict[str, Any]:
    """Another node than that of the request has claims."""
    strangers = {"$nin": [None, request.node]}
    return {"$or": [{f"node{seat}": strangers, **held(seat)} for seat in seats]}


def expired(seat: Seat) -> dict[str, Any]:
    """The seat's holder has not renewed it."""
    return {f"container{seat}": {"$gt": ""}, **free(seat)}


def release(seat: Seat = FIRST) -> dict[str, Any]:
    """The fields of a seat that nobody holds."""
    return {f"container{seat}": None, f"expires_at{seat}": None}


def due(lease: float, seat: Seat) -> dict[str, Any]:
    """The claims whose lease is to be extended."""
    return {"$expr": {"$lte": [f"$expires_at{seat}", _after(lease * FRESH_SHARE)]}}


def renewal(lease: float, seat: Seat, *, fresh: bool) -> list[dict[str, Any]]:
    """Extend the lease; a `fresh` holder also gets a new epoch, so that its predecessor is known as late."""
    epoch = {f"epoch{seat}": {"$add": [f"$epoch{seat}", 1]}} if fresh else {}
    return [{"$set": {f"expires_at{seat}": _after(lease), **epoch}}]


def taking(request: ClaimRequest, lease: float, seat: Seat) -> list[dict[str, Any]]:
    """Give a free seat to the container, with the next epoch."""
    taken = {
        f"container{seat}": {"$literal": request.container},
        f"epoch{seat}": {"$add": [{"$ifNull": [f"$epoch{seat}", 0]}, 1]},
        f"expires_at{seat}": _after(lease),
    }
    node = {f"node{seat}": {"$literal": request.node}} if request.node else {}
    return [{"$set": {**taken, **node}}]


def counted() -> dict[str, Any]:
    """How many seats of a configuration are held."""
    return {"$add": [{"$cond": [held(seat)["$expr"], 1, 0]} for seat in SEATS]}


def leasing(container: str, lease: float) -> list[dict[str, Any]]:
    """Give a lease, of which there is but one by its name, to `container` unless another holds it."""
    live = {"$gt": ["$expires_at", "$$NOW"]}
    mine = {"$eq": ["$container", {"$literal": container}]}
    kept = {"$and": [live, mine]}
    may = {"$or": [mine, {"$not": live}]}
    return [
        {"$set": {"may": may, "kept": kept}},
        {
            "$set": {
                "container": {"$cond": ["$may", {"$literal": container}, "$container"]},
                "epoch": {
                    "$cond": [
                        {"$and": ["$may", {"$not": "$kept"}]},
                        {"$add": [{"$ifNull": ["$epoch", 0]}, 1]},
                        "$epoch",
                    ]
                },
                "expires_at": {"$cond": ["$may", _after(lease), "$expires_at"]},
            }
        },
        {"$unset": ["may", "kept"]},
    ]


def _after(seconds: float) -> dict[str, Any]:
    return {"$add": ["$$NOW", round(seconds * 1000)]}
