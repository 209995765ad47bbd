"""A row is a record as the mirror and the last good copy hold it: ready to be shown, and to be changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import orjson

from scrapr.model.item import Item
from scrapr.model.record import Record


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
    return Row(
        key=record.key,
        created=record.created,
        version=record.version,
        stamped="timestamp" not in record.values,
        body=orjson.dumps(record.public()),
    )


def make(key: str, created: int, version: int, values: Item, at: datetime) -> Row:
    """The row of a record whose newest change came at `at`."""
    record = Record.model_construct(
        key=key,
        values=values,
        created=created,
        version=version,
        first_seen=at,
        last_seen=at,
        changed_at=at,
    )
    return of(record)


def pack(row: Row) -> bytes:
    """`row` without its key, as one value."""
    return b"%d %d %d %s" % (row.created, row.version, row.stamped, row.body)


def unpack(key: bytes, packed: bytes) -> Row:
    """The row of a packed value. Raises `ValueError` for what `pack` did not make."""
    created, version, stamped, body = packed.split(b" ", 3)
    return Row(key.decode(), int(created), int(version), stamped == b"1", body)
