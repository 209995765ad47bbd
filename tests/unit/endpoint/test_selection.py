"""What a selection means: the records that SQLite gives for it are those of a plain filter and sort in Python."""

from __future__ import annotations

import operator
import sqlite3
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapr.model.errors import Invalid
from scrapr.model.item import Item
from scrapr.roles.endpoint import selection, sql
from scrapr.roles.endpoint.selection import After, Filter, Scalar, Selection, Sort

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
texts = st.sampled_from(["", "a", "ab", "b", "ü", "'", '"', "1", "true", "null", "a'b\\"]) | st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), max_size=3
)
scalars: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, -1.5, 2.0]) | texts
)
names = st.sampled_from(["n", "a b", "a.b", 'q"', "b\\", "'x'", "ü", "$", "l\n", "[0]"])
records: st.SearchStrategy[list[Item]] = st.lists(st.dictionaries(names, scalars, max_size=4), max_size=12)
filters = st.one_of(
    st.builds(
        Filter,
        names,
        st.sampled_from(["eq", "ne", "in"]),
        st.lists(scalars, min_size=1, max_size=2).map(tuple),
    ),
    st.builds(Filter, names, st.sampled_from(sorted(COMPARE)), st.tuples(st.integers(-3, 3) | texts)),
    st.builds(Filter, names, st.just("exists"), st.tuples(st.booleans())),
    st.builds(Filter, names, st.sampled_from(["contains", "startswith"]), st.tuples(texts)),
)
selections = st.builds(
    Selection,
    st.lists(filters, max_size=2).map(tuple),
    st.lists(st.builds(Sort, names, st.booleans()), max_size=3, unique_by=lambda each: each.field).map(tuple),
)


def kind(value: Any) -> str:
    if isinstance(value, bool | None):
        return str(value)
    return "text" if isinstance(value, str) else "number"


def same(value: Scalar, wanted: Scalar) -> bool:
    return kind(value) == kind(wanted) and value == wanted


def fits(record: Item, wanted: Filter) -> bool:
    here, value, first = wanted.field in record, record.get(wanted.field), wanted.values[0]
    assert not isinstance(value, list | dict)
    match wanted.operator:
        case "exists":
            return here == first
        case "ne":
            return not (here and any(same(value, each) for each in wanted.values))
        case "eq" | "in":
            return here and any(same(value, each) for each in wanted.values)
        case "contains":
            return isinstance(value, str) and str(first) in value
        case "startswith":
            return isinstance(value, str) and value.startswith(str(first))
    return here and kind(value) == kind(first) and bool(COMPARE[wanted.operator](value, first))


def rank(value: Any) -> tuple[int, Any]:
    """Nothing, then numbers (true is 1), then text by its code points."""
    if value is None:
        return (0, 0)
    return (2, value.encode()) if isinstance(value, str) else (1, value)


def naive(found: list[Item], wanted: Selection) -> list[int]:
    """The places of the records that fit, in order."""
    places = [place for place, record in enumerate(found) if all(fits(record, f) for f in wanted.filters)]
    if wanted.sort and wanted.sort[0].descending:
        places.reverse()
    for each in reversed(wanted.sort):
        # Python's sort is stable in both directions.
        places.sort(key=lambda place: rank(found[place].get(each.field)), reverse=each.descending)
    return places


def asked(found: list[Item], wanted: Selection, page: int, *, indexed: bool) -> list[int]:
    """The same by SQL, page by page, each found by the cursor of the one before."""
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE t (created INTEGER PRIMARY KEY, body TEXT)")
    database.executemany(
        "INSERT INTO t VALUES (?, ?)", ((n, orjson.dumps(r).decode()) for n, r in enumerate(found))
    )
    if indexed and (columns := sql.index(wanted)):
        database.execute(f"CREATE INDEX i ON t ({columns})")
    places: list[int] = []
    after: After | None = None
    while True:
        query = sql.select("t", wanted, after, page)
        rows = database.execute(query.text, query.parameters).fetchall()
        if not rows:
            break
        places += [row[0] for row in rows]
        cursor = selection.write_cursor(wanted, After(rows[-1][2:], rows[-1][0]))
        after = selection.read_cursor(wanted, cursor)
    counting = sql.count("t", wanted, 100)
    assert database.execute(counting.text, counting.parameters).fetchone() == (len(places),)
    database.close()
    return places


@given(records, selections, st.integers(1, 5), st.booleans())
def test_sqlite_selects_what_a_plain_filter_and_sort_do(
    found: list[Item], wanted: Selection, page: int, indexed: bool
) -> None:
    assert asked(found, wanted, page, indexed=indexed) == naive(found, wanted)


@given(st.text(min_size=1, max_size=6).filter(lambda name: "\0" not in name and name.isprintable()))
def test_any_name_is_a_field_and_nothing_else(name: str) -> None:
    found: list[Item] = [{name: 1}, {f"{name}x": 1}, {}]
    assert asked(found, Selection((Filter(name, "eq", (1,)),)), 9, indexed=True) == [0]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("20", (20, "20")),
        ("-1.5e2", (-150.0, "-1.5e2")),
        ('"20"', ("20",)),
        ("true", (True, "true")),
        ("null", (None, "null")),
        ("007", ("007",)),
        ("Berlin", ("Berlin",)),
        ("", ("",)),
        (str(2**63), (float(2**63), str(2**63))),
    ],
)
def test_a_value_is_read_in_each_way_in_which_it_may_be_meant(text: str, values: tuple[Scalar, ...]) -> None:
    assert repr(selection.meanings(text)) == repr(values)


def test_parameters_are_read() -> None:
    read = selection.read(
        [("sort", "price,-title"), ("fields", "a,b"), ("price[lte]", "20"), ("c[in]", 'x,"y,z"')]
    )
    assert read.sort == (Sort("price"), Sort("title", descending=True))
    assert read.fields == ("a", "b")
    assert read.filters == (Filter("price", "lte", (20,)), Filter("c", "in", ("x", "y,z")))


def test_every_wrong_parameter_is_named_with_what_is_allowed() -> None:
    wrong = [("price[under]", "1"), ("a[exists]", "yes"), ("b[gt]", "null"), ("sort", ","), ("q", "!")]
    with pytest.raises(Invalid) as refused:
        selection.read([*wrong, ("fields", ""), ("c[in]", "")])
    assert [each.field for each in refused.value.fields] == [*(name for name, _ in wrong), "fields", "c[in]"]
    assert all(each.allowed for each in refused.value.fields)


@given(st.text())
def test_what_is_no_cursor_of_this_sort_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid, match="cursor"):
        selection.read_cursor(Selection(sort=(Sort("a"),)), cursor)


def test_a_cursor_of_another_sort_is_refused() -> None:
    cursor = selection.write_cursor(Selection(sort=(Sort("a"),)), After((1,), 5))
    with pytest.raises(Invalid, match="another sort"):
        selection.read_cursor(Selection(sort=(Sort("a", descending=True),)), cursor)
