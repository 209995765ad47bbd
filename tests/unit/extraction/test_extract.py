"""What an extraction tells beside the value: items, the next link, counts, links to follow."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from scrapr.extraction.extract import Extraction, extract, fill
from scrapr.extraction.rules import compile_rules
from scrapr.model.errors import TooLarge

URL = "https://shop.example/list/page1.html?x=1"


def _extract(selector: Any, text: str, url: str = URL, **parts: Any) -> Extraction:
    return extract(compile_rules(selector, **parts), text, url)


@pytest.mark.parametrize(
    ("selector", "scope", "items"),
    [
        ([{"t": "b"}], "li", [{"t": "1"}, {"t": "2"}]),
        ({"t": "b"}, "li", [{"t": "1"}]),
        ("b", "li", [{"value": "1"}]),
        (["b"], "li", [{"value": "1"}, {"value": "2"}]),
        ([["b"]], "li", [{"value": ["1"]}, {"value": ["2"]}]),
        ("i", None, []),
        (["i"], None, []),
        ({"t": "i"}, None, []),
        ([{"t": "i"}], "li", []),
    ],
)
def test_items_are_the_value_as_a_list_of_objects(selector: Any, scope: str | None, items: list[Any]) -> None:
    assert _extract(selector, "<ul><li><b>1</b><li><b>2</b><li></ul>", scope=scope).items == items


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ('<a href="?p=2">', "https://shop.example/list/page1.html?p=2"),
        ('<a href="/p/2#top">', "https://shop.example/p/2"),
        ('<a href="../2">', "https://shop.example/2"),
        ('<a href=" p2.html ">', "https://shop.example/list/p2.html"),
        ('<a href="//other.example/2">', "https://other.example/2"),
        ('<base href="/deep/"><a href="2">', "https://shop.example/deep/2"),
        ('<base href="http://cdn.example/x/y"><a href="2">', "http://cdn.example/x/2"),
        ('<a href="#">', "https://shop.example/list/page1.html?x=1"),
        ('<a href="javascript:void(0)">', None),
        ('<a href="mailto:a@b.c">', None),
        ('<a href="http://[">', None),
        ('<a href="">', None),
        ("<a>", None),
        ("", None),
    ],
)
def test_the_next_link_is_an_address_or_none(link: str, expected: str | None) -> None:
    assert _extract("b", link, paginate="a@href").next_url == expected


def test_the_text_of_an_element_is_a_next_link_only_if_it_is_a_whole_address() -> None:
    assert _extract("b", "<a>Next</a>", paginate="a").next_url is None
    assert _extract("b", "<a>http://h/2</a>", paginate="a").next_url == "http://h/2"


def test_links_are_absolute_where_xray_makes_them_so() -> None:
    text = '<a href="/a b"></a><img src="i.png" data-src="j.png"><div href="x"></div><link href="s.css">'
    found = _extract(
        {"a": "a@href", "i": "img@src", "j": "img@data-src", "d": "div@href", "l": "link@href"}, text
    )
    assert found.value == {
        "a": "https://shop.example/a%20b",
        "i": "https://shop.example/list/i.png",
        "j": "j.png",
        "d": "x",
        "l": "https://shop.example/list/s.css",
    }


def test_counts_tell_how_often_each_selector_matched() -> None:
    text = "<ul><li><b>1</b><i>x</i><i>y</i></li><li><b>2</b></li></ul><a href=2>"
    selector = [{"b": "b", "is": ["i"], "none": "u", "deep": {"$scope": "i", "$select": [{"t": "@text"}]}}]
    found = _extract(selector, text, scope="li", paginate="a@href")
    assert found.matches == {
        "scope": 2, "b": 2, "is": 2, "none": 0, "deep.$scope": 2, "deep.t": 2, "paginate": 1,
    }  # fmt: skip


def test_a_row_is_found_in_a_table_whose_body_only_html5_adds() -> None:
    text = "<table><tr><td>1<table><tr><td>2</table></table>"
    assert _extract(["table > tr > td"], text).value == ["12", "2"]
    assert _extract([{"c": "> tr > td"}], text, scope="table").value == [{"c": "12"}, {"c": "2"}]


def test_text_is_contained_wherever_it_stands_within_the_element() -> None:
    text = "<tr><p>Price: <b>3</b></p><p>Size: <b>4</b></p>"
    assert _extract('p:contains("Price: 3") b', text).value == "3"
    assert _extract("p:contains(size) b", text).value == ""
    assert _extract("p:icontains(size) b", text).value == "4"
    assert _extract("p:not(:contains(Price)) b", text).value == "4"
    assert _extract("p:contains(Size)@html", text).value == "Size: <b>4</b>"


def test_html_is_what_is_within_the_element() -> None:
    assert _extract("div@html", "<div>é <b class=x>1</b><br></div>").value == 'é <b class="x">1</b><br>'


FOLLOWING = [
    {"name": "b", "page": {"$follow": "a@href", "$scope": "main", "$select": {"t": "h1", "n": "i | number"}}}
]


@pytest.mark.parametrize("link", ["#", "a#", "/a#", "a?", "/a?#", "a?b#", "a?b=#?", "../a#?"])
def test_an_empty_query_or_fragment_stays_as_in_browsers(link: str) -> None:
    ends = {"#": "/list/page1.html?x=1#", "../a#?": "/a#?"}
    expected = ends.get(link, link if link.startswith("/") else f"/list/{link}")
    found = _extract("a@href", f'<a href="{link}"></a>').value
    assert found == f"https://shop.example{expected}"


def test_links_are_given_to_be_followed_and_their_results_put_in_place() -> None:
    text = "<li><b>1</b><a href=/1></a><li><b>2</b><li><b>3</b><a href=/3></a>"
    found = _extract(FOLLOWING, text, scope="li")
    assert [(each.path, each.url) for each in found.follows] == [
        ((0, "page"), "https://shop.example/1"),
        ((2, "page"), "https://shop.example/3"),
    ]
    assert found.items == [{"name": "1", "page": {}}, {"name": "2", "page": {}}, {"name": "3", "page": {}}]
    pages = ["<h1>no</h1><main><h1>one</h1><i>x</i>", None]
    results = [
        None if page is None else extract(follow.rules, page, follow.url)
        for page, follow in zip(pages, found.follows, strict=True)
    ]
    filled = fill(pickle.loads(pickle.dumps(found)), results)
    assert filled.items == [{"name": "1", "page": {"t": "one", "n": None}}, *found.items[1:]]
    assert filled.matches["page.$follow"] == 2
    assert filled.matches["page.t"] == 1
    assert filled.unconverted == {"page.n": 1}


def test_an_item_that_only_a_followed_page_fills_is_kept_when_it_does() -> None:
    found = _extract(
        [{"t": {"$follow": "@href", "$select": "h1"}}], "<a href=1></a><a href=2></a>", scope="a"
    )
    assert found.value == []
    results = [
        extract(each.rules, f"<h1>{each.url[-1]}</h1>" * (each.url[-1] == "2"), each.url)
        for each in found.follows
    ]
    assert fill(found, results).value == [{"t": "2"}]


def test_links_can_be_followed_from_followed_pages() -> None:
    inner = {"$follow": "a@href", "$select": "h2"}
    found = _extract({"$follow": "a@href", "$select": {"deep": inner}}, "<a href=/1>")
    (first,) = found.follows
    middle = extract(first.rules, "<a href=/2>", first.url)
    (second,) = middle.follows
    done = fill(found, [fill(middle, [extract(second.rules, "<h2>x</h2>", second.url)])])
    assert (first.url, second.url, done.value) == (
        "https://shop.example/1",
        "https://shop.example/2",
        {"deep": "x"},
    )


@pytest.mark.parametrize("url", ["", "not a url", "http://[", "\ud800", "file:///x"])
def test_any_address_will_do_for_a_page(url: str) -> None:
    assert _extract({"a": "a@href"}, "<a href='/x'>", url, paginate="a@href").items


def test_a_page_that_repeats_its_text_without_end_is_too_large() -> None:
    with pytest.raises(TooLarge):
        _extract(["*"], "<div>" * 400 + "x" * 100_000)
    with pytest.raises(TooLarge):
        _extract(["*@html"], "<template>" * 2000)


def test_ancestors_are_not_tried_in_every_combination() -> None:
    text = "<div>" * 400 + "<p>x</p>" * 50
    assert _extract(["b " + "div " * 12 + "p"], text).value == []
    assert len(_extract(["div " * 12 + "p"], text).items) == 50


def test_siblings_are_not_counted_without_end() -> None:
    with pytest.raises(TooLarge):
        _extract(["p:nth-child(2)"], "<p>x" * 30_000)
    assert len(_extract(["p"], "<p>x" * 30_000).items) == 30_000
