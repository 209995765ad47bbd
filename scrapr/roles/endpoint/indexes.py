"""The indexes that queries left on the copies, within a bound; works on the writer's connection alone."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Iterator

from scrapr.roles.endpoint import fulltext


class Indexes:
    """By copy, then by columns: the names of indexes, the one used last at the end."""

    def __init__(self, writer: sqlite3.Connection, numbers: Iterator[int]) -> None:
        self._writer = writer
        self._numbers = numbers
        self._of: dict[int, OrderedDict[str, str]] = {}
        self.searchable: set[int] = set()
        """The copies whose text index is whole."""
        writer.execute(fulltext.SEARCHES)

    def lacks(self, number: int, columns: str) -> bool:
        """Whether a copy has no index on `columns`; one that it has counts as used."""
        try:
            self._of[number].move_to_end(columns)
        except KeyError:
            return True
        return False

    def make(self, number: int, table: str, columns: str, *, most: int) -> None:
        """Index a copy, in place of the index that was not used for longest where there are `most` already."""
        indexes = self._of.setdefault(number, OrderedDict())
        while len(indexes) >= most:
            _, oldest = indexes.popitem(last=False)
            self._writer.execute(f"DROP INDEX {oldest}")
        if columns not in indexes:
            name = f"index_{next(self._numbers)}"
            self._writer.execute(f"CREATE INDEX {name} ON {table} ({columns})")
            indexes[columns] = name

    def fill(self, number: int, table: str) -> bool:
        """Put the next piece of a copy into its text index, which begins with the first; whether there is more."""
        found = self._writer.execute(fulltext.LOW, (number,)).fetchone()
        if found is None:
            for statement in fulltext.begin(table, number):
                self._writer.execute(statement)
            return True
        [low] = found
        if low > fulltext.DONE:
            row = self._writer.execute(
                fulltext.NEXT.format(table=table), (low, fulltext.PIECE - 1)
            ).fetchone()
            until = fulltext.DONE if row is None else row[0]
            self._writer.execute(fulltext.fill(table), (until, low))
            self._writer.execute(fulltext.SINK, (until, number))
            if until > fulltext.DONE:
                return True
        self.searchable.add(number)
        return False

    def forget(self, number: int, table: str) -> None:
        """The copy is dropped."""
        self._writer.execute(fulltext.drop(table))
        self._writer.execute(fulltext.FORGET, (number,))
        self._of.pop(number, None)
        self.searchable.discard(number)
