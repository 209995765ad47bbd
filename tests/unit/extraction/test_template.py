from __future__ import annotations

from html import escape as to_html
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scrapr.extraction import template
from scrapr.extraction.csstexts import unescape
from scrapr.extraction.extract import extract
from scrapr.extraction.rules import compile_rules
from scrapr.model.errors import Invalid

TRAPS = st.sampled_from(
    ['"', "'", "\\", "]", ")", "(", "[", "|", "@", ",", " ", "}", "{b}", ":not(*)", "*/", "\\22 ", "9"]
)
values = (
    st.lists(st.text(max_size=4) | TRAPS, min_size=1, max_size=4)
    .map("".join)
    .filter(
        lambda text: all(
            sign >= " " and not "\x7f" <= sign <= "\x9f" and not "\ud800" <= sign <= "\udfff" for sign in text
        )
    )
)


@given(values)
def test_an_escaped_value_reads_as_itself(value: str) -> None:
    assert unescape(template.escape(value)) == value


@given(values)
@example("1")
@example("-")
@example("--x")
def test_a_value_in_quotes_matches_that_text_alone(value: str) -> None:
    selector: Any = template.fill(
        {"hit": """p[data-x="{a}"] | trim""", "too": "p[data-x='{a}'] ~ i@title"}, {"a": value}
    )
    page = f'<div><p data-x="other">no</p><p data-x="{to_html(value)}">yes</p><i title="t"></i></div>'
    found = extract(compile_rules(selector), page, "http://h/").items
    assert found == [{"hit": "yes", "too": "t"}]


@given(values.filter(lambda value: " " not in value and not any(sign.isspace() for sign in value)))
@example("1st")
@example("-")
def test_a_value_in_a_class_is_one_class(value: str) -> None:
    selector: Any = template.fill({"hit": ".in-{a} b", "bare": ".{a} > b"}, {"a": value})
    classes = to_html(f"in-{value} {value}")
    page = f'<!doctype html><p class="in-"><b>no</b></p><p class="{classes}"><b>yes</b></p>'
    try:
        rules = compile_rules(selector)
    except Invalid:
        return  # a few names, such as a lone -, are beyond the engine; that refuses the start
    assert extract(rules, page, "http://h/").items == [{"hit": "yes", "bare": "yes"}]


@given(values)
def test_a_value_adds_no_selector_anywhere(value: str) -> None:
    text = 'a.x{a}y, #i{a}:not([b="{a}"]) > c@href | trim'
    plain = compile_rules(template.fill(text, {"a": "v"}))
    try:
        filled = compile_rules(template.fill(text, {"a": value}))
    except Invalid:
        return  # as above
    page = "<a class=xvy href=1></a><c href=2></c>"
    assert extract(plain, page, "http://h/").items
    assert not extract(filled, page, "http://h/").items or value == "v" or value.casefold() == "v"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('[data-x="{a}"]', False),
        ("li.in-{a}-x p", False),
        ("#{a}", False),
        (':contains("{a}")', False),
        ("{a} p", True),
        ("p {a}", True),
        ("[{a}]", True),
        ("[data-x={a}]", True),
        ("[data-x='1' {a}]", True),
        (":nth-child({a})", True),
        (":{a}", True),
        ("a.x\\{a}", False),
        ("a.x\\3{a}", True),
        ("a@{a}", True),
        ("a | default:'{a}'", True),
        ("a | regex:'\\p{Lu}'", False),
    ],
)
def test_a_placeholder_may_stand_where_a_value_is_a_name_or_a_text(text: str, *, wrong: bool) -> None:
    assert bool(list(template.misplaced(text, frozenset({"a"})))) is wrong


@given(values)
@example("\\u0027")
@example("1")
def test_a_value_in_a_path_is_that_name_alone(value: str) -> None:
    selector: Any = template.fill({"hit": "$.by['{a}'] | trim", "too": '$["by"]["{a}"]'}, {"a": value})
    page = orjson.dumps({"by": {"other": "no", value: "yes"}}).decode()
    assert extract(compile_rules(selector), page, "http://h/").items == [{"hit": "yes", "too": "yes"}]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("$['{a}']", False),
        ('$.x["in {a}"][*]', False),
        ("$.{a}", True),
        ("$..{a}", True),
        ("$[{a}]", True),
        ("$['x\\'].{a}", True),
        ("$.x | default:'{a}'", True),
    ],
)
def test_a_placeholder_of_a_path_stands_within_quotes(text: str, *, wrong: bool) -> None:
    assert bool(list(template.misplaced(text, frozenset({"a"})))) is wrong


def test_only_the_css_of_a_selector_is_filled() -> None:
    text = "b.{a} | regex:'{a}'"
    assert template.fill(text, {"a": "x"}) == "b.x | regex:'{a}'"


def test_letters_for_placeholders_keep_the_positions_of_other_mistakes() -> None:
    with pytest.raises(Invalid) as caught:
        compile_rules(template.sample([{"t": '[x="{city}"] h3['}]))
    assert [fault.position for fault in caught.value.fields] == [15]


def test_an_empty_value_is_no_name() -> None:
    with pytest.raises(Invalid):
        compile_rules(template.fill(".{a}", {"a": ""}))
