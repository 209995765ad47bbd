"""The mirror's copies: replaced as a whole, changed in one step, and gone with the process."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from scrapr.model.change import Change
from scrapr.model.errors import Unavailable
from scrapr.roles.endpoint import row, sql
from scrapr.roles.endpoint.follow import Torn
from scrapr.roles.endpoint.mirror import Gone, Mirror
from scrapr.roles.endpoint.query import Copy, Page
from scrapr.roles.endpoint.selection import Filter, Selection, Sort

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    """A mirror with two readers."""
    mirror = Mirror(folder=str(tmp_path), readers=2)
    yield mirror
    mirror.close()


def create(version: int, **values: int) -> Change:
    return Change(collection="c", version=version, key=f"k{version}", op="create", after=dict(values), at=AT)


def begin(mirror: Mirror, count: int) -> Copy:
    """A copy of `count` records."""
    empty = mirror.settle(Copy(mirror.stage(), 0))
    copy, _ = mirror.apply(empty, [create(version, n=version) for version in range(1, count + 1)])
    return copy


def numbers(page: Page) -> list[int]:
    return [orjson.loads(body)["n"] for body in page.bodies]


def test_nothing_is_left_in_the_folder(mirror: Mirror, tmp_path: Path) -> None:
    begin(mirror, 5000)
    assert list(tmp_path.iterdir()) == []


def test_pages_come_in_the_order_of_creation(mirror: Mirror) -> None:
    copy = begin(mirror, 5)
    first = mirror.page(copy.table, after=-1, limit=3)
    assert (numbers(first), first.next, first.copy) == ([1, 2, 3], 3, copy)
    rest = mirror.page(copy.table, after=3, limit=3)
    assert (numbers(rest), rest.next) == ([4, 5], None)
    exact = mirror.page(copy.table, after=2, limit=3)
    assert (numbers(exact), exact.next) == ([3, 4, 5], None)


def test_changes_are_applied_all_or_none(mirror: Mirror) -> None:
    copy = begin(mirror, 2)
    bad = Change(collection="c", version=4, key="missing", op="update", before={}, after={"n": 0}, at=AT)
    with pytest.raises(Torn):
        mirror.apply(copy, [create(3, n=3), bad])
    assert numbers(mirror.page(copy.table, after=-1, limit=9)) == [1, 2]
    gone = Change(collection="c", version=3, key="k1", op="remove", before={"n": 1}, at=AT)
    more = Change(collection="c", version=4, key="k2", op="update", before={"n": 2}, after={"n": 7}, at=AT)
    after, effect = mirror.apply(copy, [gone, more, create(5, n=5)])
    assert (after.version, after.total, set(effect.gone)) == (5, 2, {"k1"})
    assert numbers(mirror.page(copy.table, after=-1, limit=9)) == [7, 5]


def test_a_row_never_makes_way_for_an_older_one(mirror: Mirror) -> None:
    table = mirror.stage()
    mirror.load(table, [row.make("k", 1, version, {"n": version}, AT) for version in (2, 3, 1)])
    assert mirror.settle(Copy(table, 3)).total == 1
    assert [each.version for each in mirror.rows(table, after=-1, limit=9)] == [3]


def test_a_copy_that_is_not_settled_or_was_dropped_is_gone(mirror: Mirror) -> None:
    table = mirror.stage()
    with pytest.raises(Gone):
        mirror.page(table, after=-1, limit=1)
    copy = mirror.settle(Copy(table, 0))
    assert mirror.page(table, after=-1, limit=1).copy == copy
    mirror.drop(table)
    with pytest.raises(Gone):
        mirror.page(table, after=-1, limit=1)


@pytest.mark.parametrize("key", ["", "\0", "a\0b", "ünï", "'; DROP TABLE copies; --", "x" * 2000])
def test_any_key_is_found_again(mirror: Mirror, key: str) -> None:
    made = Change(collection="c", version=1, key=key, op="create", after={"n": 1}, at=AT)
    copy, _ = mirror.apply(mirror.settle(Copy(mirror.stage(), 0)), [made])
    gone = Change(collection="c", version=2, key=key, op="remove", before={"n": 1}, at=AT)
    assert [each.key for each in mirror.rows(copy.table, after=-1, limit=9)] == [key]
    assert mirror.apply(copy, [gone])[0].total == 0


def test_readers_see_each_version_whole_while_it_changes(mirror: Mirror) -> None:
    """Every version has as many records as its number, and each says so."""
    copy = mirror.settle(Copy(mirror.stage(), 0))
    wrong: list[Page] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            page = mirror.page(copy.table, after=-1, limit=1000)
            if not page.copy.version == page.copy.total == len(page.bodies):
                wrong.append(page)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    now = copy
    for version in range(1, 300):
        now, _ = mirror.apply(now, [create(version, n=version)])
    done.set()
    for reader in readers:
        reader.join()
    assert not wrong


def test_a_body_is_text_that_sqlite_can_query(mirror: Mirror) -> None:
    copy = begin(mirror, 3)
    found: Sequence[tuple[int]] = mirror._writer.execute(
        f"SELECT json_extract(body, '$.n') FROM copy_{copy.table} WHERE json_extract(body, '$.n') > 1"
    ).fetchall()
    assert found == [(2,), (3,)]


def test_indexes_are_made_within_their_bound_and_go_with_the_copy(mirror: Mirror) -> None:
    copy = begin(mirror, 50)
    for name in ("a", "b", "c'"):
        columns = sql.index(Selection(sort=(Sort(name),))) or ""
        assert mirror.lacks(copy.table, columns)
        mirror.index(copy.table, columns, most=2)
        assert not mirror.lacks(copy.table, columns)
    assert mirror.lacks(copy.table, sql.index(Selection(sort=(Sort("a"),))) or "")
    [(number,)] = mirror._writer.execute("SELECT count(*) FROM sqlite_master WHERE name LIKE 'index%'")
    assert number == 2
    mirror.drop(copy.table)
    mirror.index(copy.table, "key", most=2)
    assert mirror.lacks(copy.table, "key")


def test_a_query_that_takes_too_long_is_given_up_and_the_next_one_is_not(mirror: Mirror) -> None:
    copy = begin(mirror, 5000)
    wanted = Selection((Filter("n", "gte", (10,)),), (Sort("n", descending=True),))
    with pytest.raises(Unavailable, match="longer"):
        mirror.select(copy.table, wanted, None, limit=2, counted=10, seconds=-1)
    page = mirror.select(copy.table, wanted, None, limit=2, counted=10, seconds=10)
    assert (numbers(page), page.total) == ([5000, 4999], None)
