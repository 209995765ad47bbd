"""What is told about selectors that work by chance or not at all."""

from __future__ import annotations

import pytest

from scrapr.extraction.advice import advise, look_copied, look_generated


@pytest.mark.parametrize(
    "selector",
    [
        "#main > div:nth-child(2) > p",
        "div:nth-of-type(2) li:nth-child(3)@href",
        "table > tbody > tr",
        "table > tr:nth-child(2) > td:nth-child(1)",
        "html > body > div > div > main > ul",
    ],
)
def test_what_looks_copied_is_told(selector: str) -> None:
    assert look_copied(selector) is not None


@pytest.mark.parametrize(
    "selector",
    [
        "td:nth-child(2)",
        "table > tr > td",
        "table > tr > td:nth-child(2) > a",
        ".tbody",
        "a | replace:':nth-child( >' ':nth-child( >'",
        "$.tbody[0]",
        "ul > li > a",
    ],
)
def test_what_is_ordinary_is_not(selector: str) -> None:
    assert look_copied(selector) is None


@pytest.mark.parametrize(
    "selector",
    ["div.css-1x2y3z > b", ".sc-bdVaJa@href", "li.Item_root__3kD9f | trim", "ul._1a2b3c li", ":not(.kXyZab)"],
)
def test_what_a_build_made_up_is_told(selector: str) -> None:
    assert look_generated(selector) is not None


@pytest.mark.parametrize(
    "selector",
    [
        "li.resultItem-name",
        ".card__firstName--isOpen",
        ".css-grid",
        "[class*='Item_root__3kD9f']",
        "a:contains('.css-1x2y3z')",
        "b | replace:.css-1x2y3z x",
        "$.css-1x2y3z",
        "h2.mp3player.col-md-6",
    ],
)
def test_what_a_person_wrote_is_not(selector: str) -> None:
    assert look_generated(selector) is None


def test_silent_selectors_half_empty_fields_and_unconverted_values_are_named() -> None:
    told = advise(
        [{"a": "b", "c": {"$scope": "tbody", "$select": ["i"]}, "d": "u"}],
        "li",
        None,
        items=[{"a": "", "c": ["1"]}, {"a": "x", "c": []}, {"a": "y"}],
        matches={"scope": 3, "a": 3, "c": 1, "d": 0},
        unconverted={"a": 2, "c": 1, "@jsonld": 1, "source": 1},
    )
    assert told == [
        "c.$scope names tbody, as copied from a browser; table > tr finds the rows, too: tbody",
        "d matched nothing",
        "c is empty in 2 of 3 items",
        "a: 2 values could not be converted",
        "c: 1 value could not be converted",
        "@jsonld: 1 JSON-LD script could not be read and gave nothing",
        "source: is no JSON, or XML that is broken or breaks off; what could be read of it counts",
    ]
