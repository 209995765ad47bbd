"""Hints: which changes of configurations are news, and whom they are told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from scrapr.model.collection import Name
from scrapr.model.configuration import Type
from scrapr.model.validation import parse
from scrapr.roles.config.claiming import SEATS

Op: TypeAlias = Literal["create", "update", "release", "remove", "missed"]
"""missed: there may have been news while nobody listened."""
ALL: Final = "all"
_CHANGED = "updateDescription.updatedFields"
NEWS: Final[dict[str, Any]] = {
    "$or": [
        {"operationType": {"$ne": "update"}},
        {f"{_CHANGED}.revision": {"$exists": True}},
        *({f"{_CHANGED}.container{seat}": {"$type": "null"}} for seat in SEATS),
    ]
}
"""Of the events of configurations: what users do and what replicas give back, not what they take and renew."""
FIELDS: Final = (
    *("operationType", "fullDocument.type", "fullDocument.pool"),
    *(f"{_CHANGED}.revision", f"{_CHANGED}.pool"),
)


class Wish(BaseModel):
    """What a newcomer, a role, wants to hear of: one pool's configurations, or everything."""

    model_config = ConfigDict(frozen=True)

    type: Type | None = None
    pool: Name = "default"


class Hint(BaseModel):
    """News of one configuration. Without `type` and `pool` it may concern anybody."""

    model_config = ConfigDict(frozen=True)

    id: str | None = None
    op: Op
    type: Type | None = None
    pool: str | None = None


class PoolHint(BaseModel):
    """News of one pool."""

    model_config = ConfigDict(frozen=True)

    name: str | None = None
    op: Op


MISSED: Final = Hint(op="missed")


def read_hint(event: dict[str, Any] | None) -> Hint:
    """The hint that an event of `NEWS` gives; that of an update lacks the type and pool, which did not change."""
    key = (event or {}).get("documentKey")
    if event is None or key is None:
        return MISSED
    full = event.get("fullDocument") or {}
    return Hint(id=key["_id"], op=_op(event), type=full.get("type"), pool=full.get("pool"))


def read_pool_hint(event: dict[str, Any] | None) -> PoolHint:
    """The hint that an event of the pools gives."""
    key = (event or {}).get("documentKey")
    return PoolHint(op="missed") if event is None or key is None else PoolHint(name=key["_id"], op=_op(event))


def stays_in_place(event: dict[str, Any] | None) -> bool:
    """Whether the event is of a configuration that is where it was, so that its type and pool may be looked up.

    One that moved concerns the pool that it left, too; one that was removed is nowhere.
    """
    changed = (event or {}).get("updateDescription", {}).get("updatedFields", {})
    return event is not None and event["operationType"] == "update" and "pool" not in changed


def room_of(wish: Any) -> str:
    """The room that a newcomer asks for. Raises `Invalid`."""
    parsed = parse(Wish, {} if wish is None else wish)
    return ALL if parsed.type is None else room(parsed.type, parsed.pool)


def room(kind: Type, pool: str) -> str:
    """The room of those who serve this pool's configurations."""
    return f"{kind} {pool}"


def rooms_for(hint: Hint, known: Iterable[str]) -> set[str]:
    """The rooms to tell; `known` are those that anybody ever joined."""
    if hint.type is None or hint.pool is None:
        return {ALL, *known}
    return {ALL, room(hint.type, hint.pool)}


def _op(event: dict[str, Any]) -> Op:
    match event["operationType"]:
        case "insert":
            return "create"
        case "delete":
            return "remove"
        case "replace":
            return "update"
        case _:
            changed = event.get("updateDescription", {}).get("updatedFields", {})
            return "release" if event.get("updateDescription") and "revision" not in changed else "update"
