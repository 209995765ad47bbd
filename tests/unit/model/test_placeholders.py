from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from yarl import URL

from scrapr.model.errors import Invalid
from scrapr.model.placeholders import fill_source, misplaced, names

SOURCES = (
    "https://example.org/{a}",
    "https://example.org:8443/in/{a}/list;v=1/{b}.html?sort=name&q={a}&r=x{b}y#top",
    "http://127.0.0.1/x?{q}={a}".replace("{q}", "q"),
    "http://h/a-{a}{b}-c/?p=%20{a}&{c}".replace("&{c}", "&c"),
)
TRAPS = st.sampled_from(
    [
        "..",
        ".",
        "/",
        "//evil.org/",
        "\\",
        "?x=1",
        "&x=1",
        "#",
        "@evil",
        ":80",
        "%2F",
        "%",
        "+",
        ";x",
        "=",
        " ",
        "ß",
        "%2e",
    ]
)
values = (
    st.lists(st.text(max_size=6) | TRAPS, min_size=1, max_size=4)
    .map("".join)
    .filter(lambda text: all(sign >= " " and not "\ud800" <= sign <= "\udfff" for sign in text))
)


@pytest.mark.parametrize("source", SOURCES)
@given(a=values, b=values)
def test_a_value_stays_where_its_placeholder_is(source: str, a: str, b: str) -> None:
    plain = fill_source(source, {"a": "one", "b": "two"})
    try:
        filled = fill_source(source, {"a": a, "b": b})
    except Invalid:
        path = urlsplit(source).path
        segments = [each.replace("{a}", a).replace("{b}", b) for each in path.split("/") if "{" in each]
        assert {"", ".", ".."} & set(segments) or ";" in a + b
        return
    for url, model in (
        (urlsplit(filled), urlsplit(plain)),
        (urlsplit(str(URL(filled))), urlsplit(str(URL(plain)))),
    ):
        assert (url.scheme, url.netloc, url.fragment) == (model.scheme, model.netloc, model.fragment)
        assert url.path.count("/") == model.path.count("/")
        assert url.path.count(";") == model.path.count(";")
        query, modelled = (
            parse_qsl(url.query, keep_blank_values=True),
            parse_qsl(model.query, keep_blank_values=True),
        )
        assert [name for name, _ in query] == [name for name, _ in modelled]
    where = {name: place for place, (name, _) in enumerate(parse_qsl(urlsplit(source).query))}
    if "q" in where:
        assert URL(filled).query["q"] == a
    if source == SOURCES[0]:
        assert unquote(URL(filled).raw_path) == f"/{a}" == f"/{unquote(urlsplit(filled).path[1:])}"


@given(values, values)
def test_different_values_lead_to_different_pages(a: str, b: str) -> None:
    assume(a != b)
    try:
        pages = {URL(fill_source("http://h/x-{a}-?q={a}", {"a": each})) for each in (a, b)}
    except Invalid:
        return
    assert len(pages) == 2


@pytest.mark.parametrize("value", ["", ".", "..", "..;", "a;b=c"])
def test_a_value_that_takes_its_segment_away_is_refused_by_name(value: str) -> None:
    with pytest.raises(Invalid) as caught:
        fill_source("http://h/a/{city}/b?c={city}", {"city": value})
    assert [fault.field for fault in caught.value.fields] == ["inputs.city"]
    assert URL(fill_source("http://h/a?c={city}", {"city": value})).query == {"c": value}


def test_two_values_cannot_make_a_dot_segment_together() -> None:
    with pytest.raises(Invalid):
        fill_source("http://h/{a}{b}/", {"a": ".", "b": "."})
    with pytest.raises(Invalid):
        fill_source("http://h/%2e{a}/", {"a": "."})


def test_a_source_that_grows_too_long_is_refused() -> None:
    with pytest.raises(Invalid, match="characters long"):
        fill_source("http://h/?q={a}", {"a": "ß" * 2000})


@pytest.mark.parametrize(
    "source",
    [
        "http://{a}/",
        "http://{a}.example.org/",
        "http://example.org{a}/",
        "http://example.org{a}",
        "http://example.org:{a}/",
        "http://u:{a}@example.org/",
        "http://example.org\\{a}/",
        "http://h/?{a}=1",
        "http://h/?x=1&{a}=1",
        "http://h/?{a}",
        "http://h/#{a}",
        "http://h/%{a}",
        "http://h/x%2{a}",
        "http://h/?q=%{a}",
    ],
)
def test_a_placeholder_in_a_place_of_power_is_found(source: str) -> None:
    assert [found.name for found in misplaced(source)] == ["a"]


@pytest.mark.parametrize("source", SOURCES)
def test_a_placeholder_in_a_segment_or_a_value_is_in_order(source: str) -> None:
    assert list(misplaced(source)) == []


def test_names_are_told_once_and_braces_without_a_name_are_none() -> None:
    assert names("http://h/{a}/{b}?q={a}&r={}&s={1}&t={a b}") == ("a", "b")
