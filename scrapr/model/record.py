"""A record is what the datasource keeps of items with the same key."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from scrapr.model.item import Item
from scrapr.model.times import Time, show


class Record(BaseModel):
    """The latest values of one thing, and when they came.

    `created` and `version` are the collection's versions of its first and its newest change.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    values: Item
    created: int
    version: int
    first_seen: Time
    last_seen: Time
    changed_at: Time

    def public(self) -> Item:
        """The thesis's shape: the values and a `timestamp`, without identities."""
        return public(self.values, self.changed_at)


def public(values: Item, changed_at: datetime) -> Item:
    """What is shown of a record with these values: a `timestamp` of its own, or else when it changed."""
    return {**values, "timestamp": values.get("timestamp", show(changed_at))}


class Records(BaseModel):
    """A page of a collection's records in the order of their creation; `version` is the collection's.

    `next` is the `created` to go on after, or none at the end.
    """

    model_config = ConfigDict(frozen=True)

    collection: str
    version: int
    records: tuple[Record, ...]
    next: int | None = None
