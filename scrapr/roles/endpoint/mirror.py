"""The local mirror: an SQLite database that lives as long as this process; one table for each copy of a collection.

A new copy is loaded beside the one that is served, and the old one goes at once. Every method blocks for as long as
SQLite takes: call it in a thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

import orjson

from scrapr.model.change import Change
from scrapr.roles.endpoint import follow, selection, sql
from scrapr.roles.endpoint.follow import Effect
from scrapr.roles.endpoint.formats.writing import Told
from scrapr.roles.endpoint.indexes import Indexes
from scrapr.roles.endpoint.observed import Observed
from scrapr.roles.endpoint.query import Copy, Page
from scrapr.roles.endpoint.row import Row
from scrapr.roles.endpoint.selection import After, Selection
from scrapr.roles.endpoint.sqlite import Sqlite, bounded

COPIES = "CREATE TABLE copies (id INTEGER PRIMARY KEY, version, total, changed_at, settled)"
STAGE = """
    CREATE TABLE {table} (created INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, version INTEGER NOT NULL,
        stamped INTEGER NOT NULL, body TEXT NOT NULL)
"""
COUNT = "SELECT count(*) FROM {table}"
DROP = "DROP TABLE IF EXISTS {table}"
TAKE = "DELETE FROM {table} WHERE key = ?"
FIND = "SELECT key, created, version, stamped, body FROM {table} WHERE key = ?"
ROWS = "SELECT key, created, version, stamped, body FROM {table} WHERE created > ? ORDER BY created LIMIT ?"
BODIES = "SELECT created, body FROM {table} WHERE created > ? ORDER BY created LIMIT ?"
PUT = """
    INSERT INTO {table} (created, key, version, stamped, body) VALUES (?, ?, ?, ?, CAST(? AS TEXT))
    ON CONFLICT (key) DO UPDATE SET created = excluded.created, version = excluded.version,
        stamped = excluded.stamped, body = excluded.body
    WHERE excluded.version > version
"""
"""A row never makes way for an older one. SQLite is given bytes and keeps text: JSON functions want text."""


class Gone(Exception):
    """The copy that was asked for made way for another."""


class Mirror:
    """All copies of this process. A reader sees a copy as it was after some change, never between two."""

    def __init__(self, *, folder: str, readers: int) -> None:
        self._sqlite = Sqlite(COPIES, folder=folder, readers=readers)
        self._writer = self._sqlite.writer
        self._numbers = count(1)
        self._indexes = Indexes(self._writer, self._numbers)
        self._observed: dict[int, Observed] = {}

    def stage(self) -> int:
        """A new, empty copy, which nobody sees before it is settled; the answer is its number."""
        with self._sqlite.written():
            table = next(self._numbers)
            self._writer.execute(_of(STAGE, table))
            self._observed[table] = Observed()
            return table

    def load(self, table: int, rows: Iterable[Row]) -> None:
        """Put `rows` into a copy that is being loaded."""
        with self._sqlite.written():
            self._put(table, rows)

    def settle(self, copy: Copy) -> Copy:
        """Say what was loaded: the copy as it is from now on, with the number of its rows."""
        with self._sqlite.written():
            [(total,)] = self._writer.execute(_of(COUNT, copy.table))
            settled = Copy(copy.table, copy.version, total, copy.changed_at, copy.settled)
            self._note(settled)
            return settled

    def apply(self, copy: Copy, changes: Sequence[Change]) -> tuple[Copy, Effect]:
        """The copy after `changes`, and what they did to its rows. Raises `Torn`, and then nothing was done."""
        with self._sqlite.written():
            rows = self._find(copy.table, {change.key for change in changes})
            effect = follow.fold(rows, changes, settled=copy.settled)
            self._take(copy.table, effect.gone)
            self._put(copy.table, effect.put.values())
            total = copy.total + len(effect.put.keys() - rows.keys()) - len(effect.gone)
            last = changes[-1]
            after = Copy(copy.table, last.version, total, last.at, copy.settled)
            self._note(after)
            return after, effect

    def drop(self, table: int) -> None:
        """Forget a copy."""
        with self._sqlite.written():
            self._writer.execute(_of(DROP, table))
            self._writer.execute("DELETE FROM copies WHERE id = ?", (table,))
            self._indexes.forget(table, _of("{table}", table))
            self._observed.pop(table, None)

    def page(self, table: int, *, after: int, limit: int) -> Page:
        """Up to `limit` items in the order of their creation, after the one created as `after`. Raises `Gone`."""
        with self._sqlite.read() as reader:
            copy = _copy(reader, table)
            found = reader.execute(_of(BODIES, table), (after, limit + 1)).fetchall()
        more = len(found) > limit
        return Page(
            copy, [Told(*each) for each in found[:limit]], found[limit - 1][0] if more else None, copy.total
        )

    def select(
        self,
        table: int,
        wanted: Selection,
        after: After | None,
        *,
        limit: int,
        counted: int,
        seconds: float,
    ) -> Page:
        """Up to `limit` of the items that are wanted; all of them are counted up to `counted`.

        Raises `Gone`, and `Unavailable` after `seconds`.
        """
        name = _of("{table}", table)
        total = sql.count(name, wanted, counted)
        with self._sqlite.read() as reader, bounded(reader, seconds):
            copy = _copy(reader, table)
            [(number,)] = reader.execute(total.text, total.parameters)
            rows = sql.select(name, wanted, after, limit + 1, common=number > counted)
            found = reader.execute(rows.text, rows.parameters).fetchall()
        next_ = None
        if len(found) > limit:
            created, _, *values = found[limit - 1]
            place = After(tuple(v.decode() if isinstance(v, bytes) else v for v in values), created)
            next_ = selection.write_cursor(wanted, place) if place.values else created
        told = [Told(created, body) for created, body, *_ in found[:limit]]
        return Page(copy, told, next_, number if number <= counted else None)

    def lacks(self, table: int, columns: str) -> bool:
        """Whether a copy has no index on `columns`; one that it has counts as used."""
        return self._indexes.lacks(table, columns)

    def index(self, table: int, columns: str, *, most: int) -> None:
        """Index a copy that is there, in place of the index that was not used for longest where there are `most`."""
        with self._sqlite.written():
            if self._has(table):
                self._indexes.make(table, _of("{table}", table), columns, most=most)

    def is_searchable(self, table: int) -> bool:
        """Whether a copy can be asked for text."""
        return table in self._indexes.searchable

    def make_searchable(self, table: int) -> None:
        """Index a copy's text, piece by piece: changes are applied in between."""
        more = not self.is_searchable(table)
        while more:
            with self._sqlite.written():
                more = self._has(table) and self._indexes.fill(table, _of("{table}", table))

    def fields(self, table: int) -> tuple[str, ...]:
        """The names of the fields that the items of a copy had; none where it is gone."""
        observed = self._observed.get(table)
        return observed.fields if observed else ()

    def schema(self, table: int) -> dict[str, Any]:
        """A JSON Schema that each item of a copy fits; an empty one where it is gone."""
        with self._sqlite.writing:
            observed = self._observed.get(table)
            return observed.item.schema() if observed else {}

    def inherit(self, table: int, before: int) -> None:
        """Let a copy know the fields of the one whose place it takes."""
        with self._sqlite.writing:
            if table in self._observed and before in self._observed:
                self._observed[table].inherit(self._observed[before])

    def rows(self, table: int, *, after: int, limit: int) -> list[Row]:
        """Up to `limit` rows in the order of their creation. Raises `Gone`."""
        with self._sqlite.read() as reader:
            _copy(reader, table)
            found = reader.execute(_of(ROWS, table), (after, limit)).fetchall()
        return list(map(_row, found))

    def close(self) -> None:
        """Forget everything."""
        self._sqlite.close()

    def _find(self, table: int, keys: Iterable[str]) -> dict[str, Row]:
        query = _of(FIND, table)
        found = (self._writer.execute(query, (key,)).fetchone() for key in keys)
        return {row.key: row for row in map(_row, filter(None, found))}

    def _has(self, table: int) -> bool:
        return self._writer.execute("SELECT 1 FROM copies WHERE id = ?", (table,)).fetchone() is not None

    def _put(self, table: int, rows: Iterable[Row]) -> None:
        see = self._observed[table].see

        def values() -> Iterator[tuple[int, str, int, bool, bytes]]:
            for row in rows:
                see(orjson.loads(row.body))
                yield row.created, row.key, row.version, row.stamped, row.body

        self._writer.executemany(_of(PUT, table), values())

    def _take(self, table: int, keys: Iterable[str]) -> None:
        self._writer.executemany(_of(TAKE, table), ((key,) for key in keys))

    def _note(self, copy: Copy) -> None:
        at = None if copy.changed_at is None else copy.changed_at.timestamp()
        self._writer.execute(
            "INSERT OR REPLACE INTO copies (id, version, total, changed_at, settled) VALUES (?, ?, ?, ?, ?)",
            (copy.table, copy.version, copy.total, at, copy.settled),
        )


def _of(statement: str, table: int) -> str:
    return statement.format(table=f"copy_{table:d}")


def _copy(reader: sqlite3.Connection, table: int) -> Copy:
    found = reader.execute(
        "SELECT version, total, changed_at, settled FROM copies WHERE id = ?", (table,)
    ).fetchone()
    if found is None:
        raise Gone(table)
    version, total, at, settled = found
    return Copy(table, version, total, None if at is None else datetime.fromtimestamp(at, UTC), settled)


def _row(found: tuple[bytes, int, int, int, bytes]) -> Row:
    key, created, version, stamped, body = found
    return Row(key.decode(), created, version, bool(stamped), body)
