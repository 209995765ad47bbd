"""Pages of a real mirror while data changes between them: nothing that stays as it is is told twice or left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TypeAlias

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapr.model.change import Change, differ
from scrapr.model.item import Item
from scrapr.roles.endpoint import selection
from scrapr.roles.endpoint.mirror import Mirror
from scrapr.roles.endpoint.query import Copy, Page
from scrapr.roles.endpoint.selection import After, Selection
from tests.unit.endpoint.test_selection import naive, names, records, scalars, selections

AT = datetime(2026, 1, 2, tzinfo=UTC)
Step: TypeAlias = tuple[str, int, dict[str, Any]]
items = st.dictionaries(names, scalars, max_size=4)
steps = st.tuples(st.sampled_from(["create", "update", "remove"]), st.integers(0, 30), items)
waves = st.lists(st.lists(steps, max_size=4), max_size=3)
words = st.lists(st.sampled_from(["red", "Fish", "mesón", "x-ray", "10"]), max_size=5).map(" ".join)


@pytest.fixture(scope="module")
def mirror() -> Iterator[Mirror]:
    mirror = Mirror(folder="", readers=1)
    yield mirror
    mirror.close()


class Table:
    """A copy in the mirror, and the same in Python: records by the version of their creation."""

    def __init__(self, mirror: Mirror, items: list[Item]) -> None:
        self.mirror = mirror
        self.copy = mirror.settle(Copy(mirror.stage(), 0))
        self.records: dict[int, Item] = {}
        self.touched: set[int] = set()
        self.change([("create", 0, item) for item in items])
        self.touched.clear()

    def change(self, wave: list[Step]) -> None:
        """Do each step to a record that there is."""
        changes = []
        for number, (op, place, item) in enumerate(wave, self.copy.version + 1):
            created = sorted(self.records)[place % len(self.records)] if self.records else 0
            if op == "create" or not created:
                self.records[number] = item
                change = Change(
                    collection="c", version=number, key=str(number), op="create", after=item, at=AT
                )
                self.touched.add(number)
            elif op == "update":
                before, after = differ(self.records[created], item)
                self.records[created] = item
                change = Change(
                    collection="c",
                    version=number,
                    key=str(created),
                    op="update",
                    before=before,
                    after=after,
                    at=AT,
                )
                self.touched.add(created)
            else:
                gone = self.records.pop(created)
                change = Change(
                    collection="c", version=number, key=str(created), op="remove", before=gone, at=AT
                )
            changes.append(change)
        if changes:
            self.copy, _ = self.mirror.apply(self.copy, changes)

    def stable(self) -> dict[int, Item]:
        """The records that nothing was done to."""
        return {
            created: item for created, item in sorted(self.records.items()) if created not in self.touched
        }

    def ask(self, wanted: Selection, after: After | None, page: int) -> Page:
        """A page."""
        return self.mirror.select(self.copy.table, wanted, after, limit=page, counted=100, seconds=60)

    def walk(self, wanted: Selection, page: int, waves: list[list[Step]]) -> list[int]:
        """All pages, each found by the cursor of the one before, with a wave of changes after each."""
        told: list[int] = []
        pending = list(waves)
        after: After | None = None
        while True:
            found = self.ask(wanted, after, page)
            told += [each.created for each in found.told]
            match found.next:
                case None:
                    return told
                case int(created):
                    after = After((), created)
                case str(cursor):
                    after = selection.read_cursor(wanted, cursor)
            if pending:
                self.change(pending.pop())


@given(records, selections, st.integers(1, 4), waves)
def test_what_stays_is_told_once_and_in_order_whatever_else_changes(
    mirror: Mirror, found: list[Item], wanted: Selection, page: int, waves: list[list[Step]]
) -> None:
    table = Table(mirror, found)
    told = table.walk(wanted, page, waves)
    stable = table.stable()
    expected = [list(stable)[place] for place in naive(list(stable.values()), wanted)]
    assert [created for created in told if created in stable] == expected
    mirror.drop(table.copy.table)


@given(st.lists(words, max_size=12), words, st.integers(1, 4), st.lists(st.tuples(st.integers(0, 30), words)))
def test_a_search_finds_what_holds_all_its_words_before_and_after_any_change(
    mirror: Mirror, texts: list[str], query: str, page: int, later: list[tuple[int, str]]
) -> None:
    table = Table(mirror, [{"t": text} for text in texts])
    mirror.make_searchable(table.copy.table)
    if not query:
        return
    for wave in ([], later[:3], later[3:]):
        table.change([("remove" if not text else "update", place, {"t": text}) for place, text in wave])
        wanted = selection.read([("q", query)])
        expected = {created for created, item in table.records.items() if _fits(str(item["t"]), query)}
        ranked = table.walk(wanted, page, [])
        assert (set(ranked), len(ranked)) == (expected, len(expected))
        ordered = table.walk(selection.read([("q", query), ("sort", "t")]), page, [])
        assert [table.records[each]["t"] for each in ordered] == sorted(
            str(table.records[each]["t"]) for each in expected
        )
    mirror.drop(table.copy.table)


def _fits(text: str, query: str) -> bool:
    held = {word.casefold() for word in re.findall(r"\w+", text)}
    phrase = " ".join(re.findall(r"\w+", text.casefold()))
    return all(
        word.casefold() in held if "-" not in word else word.replace("-", " ") in phrase
        for word in query.split()
    )


def test_the_text_of_many_records_is_indexed_while_they_change(mirror: Mirror) -> None:
    table = Table(mirror, [{"t": f"w{n % 7} all", "n": n} for n in range(12_000)])
    number, name = table.copy.table, f"copy_{table.copy.table}"
    indexes = mirror._indexes
    more = True
    for round_ in range(9):
        with mirror._sqlite.written():
            more = more and indexes.fill(number, name)
        table.change([("update", 1000 * round_ + 3, {"t": "new", "n": 1}), ("remove", 7 + round_, {})])
        table.change([("create", 0, {"t": "new all", "n": 2})])
    assert not more
    new = [created for created, item in table.records.items() if "new" in str(item["t"])]
    assert sorted(table.walk(selection.read([("q", "new")]), 5, [])) == sorted(new)
    page = mirror.select(number, selection.read([("q", "all")]), None, limit=1, counted=20_000, seconds=60)
    assert page.total == sum("all" in str(item["t"]) for item in table.records.values())
    assert orjson.loads(page.told[0].body)["t"].endswith("all")
    mirror.drop(number)
