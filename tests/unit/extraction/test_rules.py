"""Configurations with wrong selectors are refused, every one by its name and place."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from pydantic import JsonValue

from scrapr.extraction.compiler import MAX_DEPTH, MAX_SELECTOR_LENGTH, MAX_SELECTORS
from scrapr.extraction.extract import extract
from scrapr.extraction.rules import KEPT_LONGEST, compile_rules, kept_rules
from scrapr.model.errors import FieldError, Invalid


def _refuse(selector: Any, **parts: Any) -> tuple[FieldError, ...]:
    with pytest.raises(Invalid) as caught:
        compile_rules(selector, **parts)
    return caught.value.fields


def test_every_wrong_selector_is_named_at_once() -> None:
    errors = _refuse(
        [{"title": "h3 a[", "ok": "b", "price": "b | nope", "tags": {"$scope": "!", "$select": ["li::x"]}}],
        scope="li..x",
        paginate="a@",
    )
    assert {(each.field, each.position) for each in errors} == {
        ("scraper.scope", 2),
        ("scraper.selector[0].title", 4),
        ("scraper.selector[0].price", 4),
        ("scraper.selector[0].tags.$scope", 0),
        ("scraper.selector[0].tags.$select[0]", 2),
        ("scraper.paginate", 2),
    }


@pytest.mark.parametrize(
    ("selector", "position"),
    [
        ("h2::text", 2),
        (".item:eq(1)", 5),
        ("a[", 1),
        ("a[x=", 1),
        ("a:not(b", 1),
        ("a >", 2),
        ("> > a", 2),
        ("a,,b", 2),
        ("a,", 2),
        ("a)", 1),
        ("~ a", 0),
        ("a:has(b:has(c))", 7),
        ("div < b", 4),
        ("a:nth-child(x)", 1),
        ("  b..c@href", 3),
        ("a@href@x", 6),
        ("a@", 2),
        ("", 0),
        ("   ", 0),
        ("a@x\0", 3),
        ("a\ud800", 1),
        ("a{}", 1),
        ("svg|a", 4),
    ],
)
def test_a_wrong_selector_is_refused_where_it_goes_wrong(selector: str, position: int) -> None:
    (error,) = _refuse({"v": selector})
    assert (error.field, error.position) == ("scraper.selector.v", position)


@pytest.mark.parametrize(
    ("selector", "field"),
    [
        (1, "scraper.selector"),
        (None, "scraper.selector"),
        ([], "scraper.selector"),
        (["a", "b"], "scraper.selector"),
        ([1], "scraper.selector[0]"),
        ({"a": None}, "scraper.selector.a"),
        ({"": "a"}, "scraper.selector."),
        ({"$where": "a"}, "scraper.selector"),
        ({"$scope": "a"}, "scraper.selector"),
        ({"$scope": 3, "$select": "a"}, "scraper.selector.$scope"),
        ({"$scope": "a", "$select": "a", "b": "c"}, "scraper.selector"),
        ([{"$scope": "a", "$select": "b"}], "scraper.selector[0]"),
        ({"a": {"$follow": ["a@href"], "$select": "b"}}, "scraper.selector.a.$follow"),
    ],
)
def test_what_is_no_selector_is_refused(selector: Any, field: str) -> None:
    assert [each.field for each in _refuse(selector)] == [field]


def test_selectors_have_limits() -> None:
    assert _refuse("a" * (MAX_SELECTOR_LENGTH + 1))[0].position == MAX_SELECTOR_LENGTH
    assert "at most" in str(_refuse("a, " * 3000 + "b")[0])
    assert "at most" in str(_refuse("a" + ":not(a" * 20 + ")" * 20)[0])
    assert len(_refuse({str(n): {"a": "b"} for n in range(MAX_SELECTORS + 1)})) == 1
    assert len(_refuse({str(n): ["b"] for n in range(MAX_SELECTORS)} | {"x": {"y": "z"}})) == 1
    nested: Any = "a"
    for _ in range(MAX_DEPTH + 1):
        nested = {"a": nested}
    assert "nested" in str(_refuse(nested)[0])
    followed: Any = "a"
    for _ in range(4):
        followed = {"$follow": "a@href", "$select": followed}
    assert "follows" in str(_refuse(followed)[0])


def test_the_errors_speak_of_the_field_that_the_caller_names() -> None:
    assert [each.field for each in _refuse("!", scope="!", field="parts[1]")] == [
        "parts[1].scope",
        "parts[1].selector",
    ]


@pytest.mark.parametrize(
    ("selector", "fields"),
    [
        ([{"b": "x", "a": "y"}], ("b", "a")),
        ({"a": "x"}, ("a",)),
        ("a", ("value",)),
        (["a"], ("value",)),
        ([["a"]], ("value",)),
        ({"$scope": "li", "$select": [{"t": "a"}]}, ("t",)),
        ({"$follow": "a@href", "$select": {"t": "a"}}, ("t",)),
    ],
)
def test_rules_know_the_fields_of_an_item(selector: Any, fields: tuple[str, ...]) -> None:
    assert compile_rules(selector).fields == fields


def test_rules_can_be_sent_to_another_process() -> None:
    rules = compile_rules([{"a": "b | trim"}], scope="li", paginate="a@href")
    again = pickle.loads(pickle.dumps(rules))
    text = "<li><b> x </b></li><a href='/2'>"
    assert extract(again, text, "http://h/") == extract(rules, text, "http://h/")
    assert again != rules
    assert len({rules, again}) == 2


def test_the_same_selectors_are_compiled_once_and_long_ones_are_not_kept() -> None:
    first = kept_rules([{"title": "h3", "text": "p"}], scope="li")
    assert kept_rules([{"title": "h3", "text": "p"}], scope="li") is first
    assert kept_rules([{"text": "p", "title": "h3"}], scope="li").fields == ("text", "title")
    assert kept_rules([{"title": "h3", "text": "p"}], scope="ul") is not first
    long: JsonValue = {"title": f"[title='{'x' * KEPT_LONGEST}']"}
    assert kept_rules(long) is not kept_rules(long)
    with pytest.raises(Invalid):
        kept_rules({"title": "!"})
