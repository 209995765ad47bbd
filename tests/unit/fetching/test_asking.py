"""What a configuration may send is checked when it is posted, and keeps references instead of secrets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapr.model.asking import FRAMING, Secret
from scrapr.model.errors import Invalid
from scrapr.model.fetch import FetchOptions
from scrapr.model.validation import parse, read_json

REFERENCE = {"$secret": "key"}
ALL: dict[str, Any] = {
    "method": "POST",
    "body": {"a": [1, None, REFERENCE], "b": {"c": "x"}},
    "headers": {"X-Key": REFERENCE, "Authorization": REFERENCE, "Accept": "text/html"},
    "cookies": {"session": REFERENCE, "consent": "yes"},
    "auth": None,
    "robots": False,
}


def refuse(**options: Any) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        parse(FetchOptions, options)
    return [(field.field, field.problem) for field in caught.value.fields]


@pytest.mark.parametrize("render", ["Auto", "yes", 1, [], {}])
def test_what_render_may_be_is_told(render: Any) -> None:
    with pytest.raises(Invalid) as caught:
        parse(FetchOptions, {"render": render})
    assert [(field.field, field.allowed) for field in caught.value.fields] == [
        ("render", 'true, false, "auto"')
    ]
    assert [parse(FetchOptions, {"render": each}).render for each in (True, False, "auto", None)]


def test_references_are_stored_as_they_were_posted() -> None:
    options = parse(FetchOptions, ALL)
    assert options.headers is not None
    assert options.headers["X-Key"] == Secret(name="key")
    stored = read_json(options.model_dump_json(exclude_none=True).encode())
    assert stored == {name: value for name, value in ALL.items() if value is not None}
    assert parse(FetchOptions, stored) == options


@pytest.mark.parametrize("name", sorted(FRAMING))
def test_a_header_that_would_break_the_transfer_is_refused_by_name(name: str) -> None:
    for spelled in (name, name.title(), name.upper()):
        [(field, problem)] = refuse(headers={"Accept": "*/*", spelled: "x"})
        assert field == f"headers.{spelled}"
        assert "would break the transfer" in problem


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"headers": {"Cookie": "a=b"}}, "headers.Cookie"),
        ({"headers": {"User-Agent": "x"}}, "headers.User-Agent"),
        ({"headers": {"Range": "bytes=0-1"}}, "headers.Range"),
        ({"headers": {"If-None-Match": "x"}}, "headers.If-None-Match"),
        ({"headers": {"Authorization": "Bearer x"}}, "headers.Authorization"),
        ({"headers": {"X": "a\r\nY: b"}}, "headers.X"),
        ({"headers": {"X": "a" * 20_000}}, "headers.X"),
        ({"headers": {"X": 1}}, "headers.X"),
        ({"headers": {"X": {"$secret": "../x"}}}, "headers.X"),
        ({"headers": {"X": {"$secret": ""}}}, "headers.X"),
        ({"headers": {"X": {"$secret": "a", "b": 1}}}, "headers.X"),
        ({"headers": {"X Y": "1"}}, "headers.X Y"),
        ({"headers": {"A": "1", "a": "2"}}, "headers"),
        ({"headers": {f"X{n}": "1" for n in range(51)}}, "headers"),
        ({"cookies": {"a": "1; b=2"}}, "cookies.a"),
        ({"cookies": {"a b": "1"}}, "cookies.a b"),
        ({"auth": {"user": "a", "password": "b"}}, "auth.password"),
        ({"auth": {"user": "a"}}, "auth.password"),
        ({"auth": {"user": "a", "password": REFERENCE}, "headers": {"authorization": REFERENCE}}, "auth"),
        ({"method": "PUT"}, "method"),
        ({"body": "x"}, "body"),
        ({"method": "POST", "body": "x" * 200_000}, "body"),
        ({"method": "POST", "body": {"a": [{"$secret": 1}]}}, "body.a[0]"),
    ],
)
def test_what_cannot_be_sent_is_refused_where_it_stands(options: dict[str, Any], field: str) -> None:
    assert [name for name, _ in refuse(**options)] == [field]


def test_a_password_in_plain_text_is_not_repeated() -> None:
    for options in (
        {"auth": {"user": "a", "password": "hunter2"}},
        {"headers": {"Authorization": "hunter2"}},
    ):
        with pytest.raises(Invalid) as caught:
            parse(FetchOptions, options)
        assert "hunter2" not in str(caught.value)


names = st.text() | st.just("$secret")
bodies = st.recursive(
    st.none() | st.booleans() | st.text() | st.integers(-9, 9),
    lambda inner: st.lists(inner) | st.dictionaries(names, inner),
)


@given(bodies)
def test_any_body_is_taken_or_refused(body: Any) -> None:
    try:
        options = parse(FetchOptions, {"method": "POST", "body": body})
    except Invalid:
        return
    assert options.body == body
