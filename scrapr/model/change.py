"""A change is one record created, updated or removed; it has the collection's next version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from scrapr.model.item import JSON, Item
from scrapr.model.times import Time, show

VERSION_MOST = 2**63 - 1
"""What MongoDB and SQLite can still count."""
Op: TypeAlias = Literal["create", "update", "remove"]


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a collection; no pydantic model, of which making one takes four times as long.

    `before` and `after` hold the fields that differ: all of them for `create` (which has no before) and for
    `remove` (which has no after). A field in `before` alone is gone.
    """

    collection: str
    version: int
    key: str
    op: Op
    at: Time
    before: Item | None = None
    after: Item | None = None
    run: str | None = None

    def told(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "collection": self.collection,
            "version": self.version,
            "key": self.key,
            "op": self.op,
            "at": show(self.at),
            "before": self.before,
            "after": self.after,
            "run": self.run,
        }


class Changes(BaseModel):
    """A stretch of a collection's changes: those after `since`, in order and without a gap, up to `version`.

    `version` is less than `latest` where there are more to ask for. A `latest` below `since` tells that the caller is
    ahead of the collection, which began anew: what it has is of another past.
    """

    model_config = ConfigDict(frozen=True)

    collection: str
    since: int
    version: int
    latest: int
    changes: tuple[Change, ...]

    def told(self) -> dict[str, Any]:
        """As JSON has it; `model_dump` takes five times as long."""
        return {**self.__dict__, "changes": [change.told() for change in self.changes]}


def differ(before: Item, after: Item) -> tuple[Item, Item]:
    """The fields in which two values of a record differ, old and new."""
    old: Item = {}
    new: Item = {}
    for name, value in before.items():
        if name not in after:
            old[name] = value
        elif (now := after[name]) is not value and not same(now, value):
            old[name], new[name] = value, now
    gone = len(old) - len(new)
    if len(after) > len(before) - gone:
        new = {name: value for name, value in after.items() if name in new or name not in before}
    return old, new


def same(one: JSON, other: JSON) -> bool:
    """Whether two values are the same JSON; to Python `true` is 1, to JSON it is not."""
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    return one == other


def apply(values: Item, change: Change) -> Item:
    """A record's values after an update; fields keep their order, new ones follow."""
    before, after = change.before or {}, change.after or {}
    kept = {name: value for name, value in values.items() if name in after or name not in before}
    return {**kept, **after}
