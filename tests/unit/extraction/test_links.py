"""Links of a page are joined as one by one, however many there are and whatever they look like."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scrapr.extraction.links import Base, join, page_address

PARTS = [
    "a",
    "b.html",
    "..",
    ".",
    "/",
    "//",
    "?",
    "#",
    ":",
    ";",
    "=",
    "&",
    "%20",
    " ",
    "\\",
    "é",
    "@",
    "[",
    "'",
    "1",
]
REFERENCES = st.lists(st.sampled_from(PARTS), max_size=6).map("".join)
ORIGINS = [
    "http://h",
    "https://h:81",
    "http://u:p@h",
    "http://[::1]",
    "http://a b",
    "file://",
    "mailto:",
    "//h",
    "",
    "x",
]
BASES = st.builds(str.__add__, st.sampled_from(ORIGINS), REFERENCES)


@settings(max_examples=1000)
@given(BASES, REFERENCES)
@example("http://a b/c", "/d")
@example("http://h/a/../b/c", "d/e?f=g")
@example("http://h//a", "b")
def test_a_base_joins_as_without_one(base: str, reference: str) -> None:
    assert Base(base).join(reference) == (join(base, reference) if base else reference)


@settings(max_examples=500)
@given(BASES)
def test_an_ordinary_address_is_taken_as_it_would_be_put_together_again(url: str) -> None:
    assert page_address(url) == page_address(url.strip() + "#")


@pytest.mark.parametrize(
    ("reference", "joined"),
    [
        ("p2.html", "http://h/list/p2.html"),
        ("/p2.html", "http://h/p2.html"),
        ("more/p2.html?a=b", "http://h/list/more/p2.html?a=b"),
        ("../p2.html", "http://h/p2.html"),
        ("?page=2", "http://h/list/p1.html?page=2"),
        ("//other/p", "http://other/p"),
        ("mailto:a@b", "mailto:a@b"),
    ],
)
def test_a_link_is_joined_as_browsers_do(reference: str, joined: str) -> None:
    assert Base("http://h/list/p1.html").join(reference) == joined


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://h/a?b#c", "http://h/a?b"),
        ("https://h:81/a/b%20c?d=e&f", "https://h:81/a/b%20c?d=e&f"),
        (" http://h/a ", "http://h/a"),
        ("ftp://h/a", None),
        ("http:///a", None),
        ("http://[h/a", None),
        (3, None),
    ],
)
def test_a_page_has_an_address_without_a_fragment(url: object, address: str | None) -> None:
    assert page_address(url) == address
