"""Claims in MongoDB's language: when a configuration is free, and what taking, renewing and releasing it set.

Time is the server's (`$$NOW`), never a replica's. A configuration without a holder has null for `container` and
for `expires_at`; null sorts before every time, so one comparison finds both the released and the expired, by index.
"""

from __future__ import annotations

from typing import Any, Final

from scrapr.model.claim import ClaimRequest
from scrapr.model.pool import PoolDraft

FREE: Final[dict[str, Any]] = {"$expr": {"$lte": ["$expires_at", "$$NOW"]}}
HELD: Final[dict[str, Any]] = {"$expr": {"$gt": ["$expires_at", "$$NOW"]}}
EXPIRED: Final[dict[str, Any]] = {"container": {"$ne": None}, **FREE}
RELEASE: Final[dict[str, Any]] = {"$set": {"container": None, "expires_at": None}}
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


def served_by(request: ClaimRequest) -> dict[str, Any]:
    """The configurations that this replica may claim."""
    return {"type": request.type, "pool": request.pool}


def due(lease: float) -> dict[str, Any]:
    """The claims whose lease is to be extended."""
    return {"$expr": {"$lte": ["$expires_at", _after(lease * FRESH_SHARE)]}}


def renewal(lease: float, *, fresh: bool) -> list[dict[str, Any]]:
    """Extend the lease; a `fresh` holder also gets a new epoch, so that its predecessor is known as late."""
    epoch = {"epoch": {"$add": ["$epoch", 1]}} if fresh else {}
    return [{"$set": {"expires_at": _after(lease), **epoch}}]


def taking(container: str, lease: float) -> list[dict[str, Any]]:
    """Give a free configuration to `container`, with the next epoch."""
    holder = {"$literal": container}
    return [{"$set": {"container": holder, "epoch": {"$add": ["$epoch", 1]}, "expires_at": _after(lease)}}]


def _after(seconds: float) -> dict[str, Any]:
    return {"$add": ["$$NOW", round(seconds * 1000)]}
