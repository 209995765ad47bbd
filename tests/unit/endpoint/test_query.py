"""What a query means and what an answer looks like."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from scrapr.model.change import VERSION_MOST
from scrapr.model.errors import Invalid
from scrapr.model.validation import parse
from scrapr.roles.endpoint import query
from scrapr.roles.endpoint.formats.writing import Told
from scrapr.roles.endpoint.query import Copy, Items, Page
from scrapr.roles.endpoint.settings import EndpointSettings

BARE, PAGED = query.shapes(EndpointSettings()).items
ANY = query.shapes(EndpointSettings()).only[1]
AT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


@given(st.integers(0, VERSION_MOST))
def test_a_cursor_is_read_as_it_was_written(created: int) -> None:
    assert parse(PAGED.wish, {"cursor": query.write_cursor(created)}).cursor == created


@given(st.text() | st.integers(-(2**63), -1).map(query.write_cursor))
def test_any_other_text_is_refused_or_a_place(cursor: str) -> None:
    try:
        found = parse(PAGED.wish, {"cursor": cursor}).cursor
    except Invalid:
        return
    assert found is not None
    assert 0 <= found <= VERSION_MOST


@pytest.mark.parametrize("cursor", ["", "!", "ünï", "W10", "WzEsMl0", "WyIxIl0", "e30", "MQ", "W3RydWVd"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(PAGED.wish, {"cursor": cursor})
    assert [field.field for field in refused.value.fields] == ["cursor"]


def test_a_cursor_beyond_all_versions_is_refused() -> None:
    with pytest.raises(Invalid, match="cursor"):
        parse(PAGED.wish, {"cursor": query.write_cursor(VERSION_MOST + 1)})


def test_every_wrong_name_and_value_is_told() -> None:
    with pytest.raises(Invalid) as refused:
        parse(PAGED.wish, {"limit": "0", "cursor": "!", "limt": "3", "collection": "c"})
    assert {field.field for field in refused.value.fields} == {"limit", "cursor", "limt", "collection"}
    assert all(field.allowed for field in refused.value.fields)


def test_limits_are_those_of_the_settings_and_of_the_shape() -> None:
    assert (parse(BARE.wish, {}).limit, parse(PAGED.wish, {}).limit) == (10_000, 100)
    small = query.shapes(EndpointSettings(limit=2, limit_most=3, bare_most=4))
    assert parse(small.items[1].wish, {"limit": "3"}).limit == 3
    for shape, most in ((small.items[1], 3), (small.items[0], 4), (small.only[1], 3)):
        with pytest.raises(Invalid, match=f"from 1 to {most}"):
            parse(shape.wish, {"limit": str(most + 1)})


def test_a_default_beyond_the_most_is_refused_at_the_start() -> None:
    with pytest.raises(ValidationError, match="limit_most"):
        EndpointSettings(limit=10, limit_most=5)


def test_the_collection_is_named_in_the_query_where_the_path_does_not() -> None:
    assert parse(ANY.wish, {"collection": "c", "limit": "1"}).model_dump()["collection"] == "c"
    with pytest.raises(Invalid, match="collection"):
        parse(ANY.wish, {"collection": "$where"})


@given(
    st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers(0, 9))),
    st.none() | st.integers(0, 99),
)
def test_the_bodies_say_the_page(items: list[dict[str, str | int]], next_: int | None) -> None:
    page = Page(Copy(1, 7, 9, AT), [Told(n, orjson.dumps(item)) for n, item in enumerate(items)], next_, 9)
    assert orjson.loads(query.bare(page)) == items
    told = orjson.loads(query.full("ünï", page, stale=True, confirmed_at=AT.timestamp()))
    assert told == {
        "collection": "ünï",
        "version": 7,
        "items": items,
        "total": 9,
        "next": None if next_ is None else query.write_cursor(next_),
        "stale": True,
        "last_success_at": "2026-01-02T03:04:05.678Z",
    }
    assert list(told) == list(Items.model_fields)


def test_a_tag_differs_wherever_the_answer_does() -> None:
    copies = [Copy(1, 0), Copy(1, 7, changed_at=AT), Copy(1, 8, changed_at=AT)]
    copies.append(Copy(1, 7, changed_at=AT.replace(year=2027)))
    tags = [
        query.tag(copy, told_as, stale=stale)
        for copy in copies
        for stale in (False, True)
        for told_as in ("json", "csv")
    ]
    assert len(set(tags)) == len(tags)
    assert query.tag(Copy(2, 7, 5, AT), "csv", stale=False) == query.tag(
        Copy(1, 7, 5, AT), "csv", stale=False
    )


def test_a_time_is_told_to_browsers_in_their_format() -> None:
    assert query.http_date(AT) == "Fri, 02 Jan 2026 03:04:05 GMT"


@pytest.mark.parametrize(
    ("ttl", "most", "seconds"), [(1, 60, 1), (300, 60, 5), (86_400, 60, 60), (86_400, 0, 0), (59, 60, 1)]
)
def test_caches_may_be_late_by_a_sixtieth_of_the_ttl(ttl: int, most: int, seconds: int) -> None:
    assert f"max-age={seconds}, " in query.cache_control(ttl, most=most)
