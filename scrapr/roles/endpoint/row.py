"""A row is a record as the mirror and the last good copy hold it: ready to be shown, and to be changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import orjson

from scrapr.model.item import Item
from scrapr.model.record import Record, public


@dataclass(frozen=True, slots=True)
class Row:
    """`body` is the record's public JSON; `stamped` tells that its `timestamp` is ours and not the item's."""

    key: str
    created: int
    version: int
    stamped: bool
    body: bytes

    @property
    def values(self) -> Item:
        """The record's values, without what `public` adds."""
        values: Item = orjson.loads(self.body)
        if self.stamped:
            del values["timestamp"]
        return values


def of(record: Record) -> Row:
    """The row of a record."""
    return make(record.key, record.created, record.version, record.values, record.changed_at)


def make(key: str, created: int, version: int, values: Item, at: datetime) -> Row:
    """The row of a record whose newest change came at `at`."""
    return Row(key, created, version, "timestamp" not in values, orjson.dumps(public(values, at)))


def pack(row: Row) -> bytes:
    """`row` without its key, as one value."""
    return b"%d %d %d %s" % (row.created, row.version, row.stamped, row.body)


def unpack(key: bytes, packed: bytes) -> Row:
    """The row of a packed value. Raises `ValueError` for what `pack` did not make."""
    created, version, stamped, body = packed.split(b" ", 3)
    return Row(key.decode(), int(created), int(version), stamped == b"1", body)
