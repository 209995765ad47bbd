"""The filters of the selector language, each on the texts that pages hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scrapr.extraction.extract import Extraction, extract
from scrapr.extraction.filters import TABLE
from scrapr.extraction.rules import compile_rules
from scrapr.model.errors import FieldError, Invalid

URL = "https://shop.example/list/page1.html"


def _extract(text: str, calls: str) -> Extraction:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    return extract(compile_rules({"v": f"p | {calls}"}), f"<pre><p>{escaped}</p></pre>", URL)


def _apply(text: str, calls: str) -> Any:
    value = _extract(text, calls).value
    assert isinstance(value, dict)
    return value.get("v", "absent")


def _refuse(selector: Any) -> tuple[FieldError, ...]:
    with pytest.raises(Invalid) as caught:
        compile_rules(selector)
    return caught.value.fields


@pytest.mark.parametrize(
    ("text", "calls", "expected"),
    [
        ("  a  b ", "trim", "a  b"),
        ("  a\n\t b ", "collapse", "a b"),
        ("Straße", "upper", "STRASSE"),
        ("ÀB", "lower", "àb"),
        ("abcdef", "slice:1,3", "bc"),
        ("abcdef", "slice:-2", "ef"),
        ("a-b-a", "replace:a x", "x-b-x"),
        ("a-b", 'replace:"-" ""', "ab"),
        ("a-b", "replace:-", "ab"),
        ("7", "prefix:'No. '", "No. 7"),
        ("7", 'suffix:" km"', "7 km"),
        ("", "prefix:x", "absent"),
        ("a,b", "split:','", ["a", "b"]),
        (" a , b ", 'split:"," | trim | join:"; "', "a; b"),
        ("a b", "split", ["a", "b"]),
        ("a|b|c", 'split:"|" | slice:1', ["b", "c"]),
        ("", "default:none", "none"),
        ("x", "default:none", "x"),
        ("<b>a</b><p>b&amp;c</p>", "html2text", "a\nb&c"),
        ("/a b", "absolute", "https://shop.example/a%20b"),
        ("?p=2", "absolute", "https://shop.example/list/page1.html?p=2"),
        ('{"a": [1, null]}', "json", {"a": [1, None]}),
        ("SKU-0042 x", r'regex:"SKU-(\d+)"', "0042"),
        ("SKU-0042", r'regex:"[A-Z]+|x"', "SKU"),
        ("12x34", r'regex:"(\d+)x(\d+)" 2', "34"),
        ("12x34", r'regex:"(?P<w>\d+)x" w', "12"),
        ("12x34", r'regex:"(\d+)x" 0', "12x"),
    ],
)
def test_a_text_filter_makes_another_text(text: str, calls: str, expected: Any) -> None:
    assert _apply(text, calls) == expected


@pytest.mark.parametrize(
    ("text", "calls", "expected"),
    [
        ("1.234,50 €", "number:de", 1234.5),
        ("1,234.50", "number", 1234.5),
        ("€ 12.50 / night", "number", 12.5),
        ("1 234,5", "number:fr", 1234.5),
        ("1\u202f234\u202f567", "number:fr", 1234567),
        ("1'234.50 CHF", "number:de-CH", 1234.5),
        ("-3", "number", -3),
        ("−€5", "number", -5),
        ("A-5", "number", 5),
        (".5", "number", 0.5),
        ("20kg", "number", 20),
        ("5 Karat", "number", 5),
        ("40 m²", "number", 40),
        ("12 min", "number", 12),
        ("32 MB", "number", 32),
        ("1,234 reviews", "integer", 1234),
        ("12.0", "integer", 12),
        ("(42)", "integer", 42),
        ("Yes", "boolean", True),
        ("off", "boolean", False),
        (" In Stock ", 'boolean:"in stock" available', True),
        ("sold out", 'boolean:"in stock" available', False),
    ],
)
def test_a_typed_filter_converts_what_can_be_read_in_one_way(text: str, calls: str, expected: Any) -> None:
    found = _apply(text, calls)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("1.234,50 €", "number"),
        ("1,5", "number"),
        ("1.5.2", "number"),
        ("4.5 of 5", "number"),
        ("10-20", "number"),
        ("12,34,567", "number"),
        ("10k views", "number"),
        ("1.2M", "number"),
        ("3 million people", "number"),
        ("1,5 Mrd. €", "number:de"),
        ("2\u00a0Milliarden", "number:de"),
        ("4K", "integer"),
        ("1.5", "integer"),
        ("99999999999999999999", "integer"),
        ("9" * 400 + ".5", "number"),
        ("no numbers", "number"),
        ("maybe", "boolean"),
        ("03/04/2016", "date"),
        ("30 February 2016", "date"),
        ("12 June 16", "date"),
        ("99", "date"),
        ("abc", r'regex:"\d+"'),
        ("{", "json"),
        ("NaN", "json"),
        ("[" * 200 + "]" * 200, "json"),
        ("http://[", "absolute"),
        ("1e400", "date:unix"),
        ("nan", "date:unix"),
    ],
)
def test_what_cannot_be_converted_is_null_and_counted(text: str, calls: str) -> None:
    found = _extract(text, calls)
    assert found.value == {"v": None}
    assert found.unconverted == {"v": 1}


@pytest.mark.parametrize(
    ("value", "calls", "expected"),
    [
        ("10.5", "number", 10.5),
        ("1e3", "integer", 1000),
        ("true", "boolean", True),
        ('{"a": 1}', "json", {"a": 1}),
        ("null", "number", None),
        ("[1, 2]", "slice:0 1", [1]),
        ("[1, null]", "integer", [1, None]),
    ],
)
def test_a_value_of_json_that_has_the_filter_s_type_stays(value: str, calls: str, expected: Any) -> None:
    found = extract(compile_rules({"v": f"$.v | {calls}"}), f'{{"v": {value}}}', URL)
    assert found.value == {"v": expected}
    assert found.unconverted == {}


def test_a_part_of_a_number_of_json_is_a_part_of_its_text() -> None:
    assert extract(compile_rules({"v": "$.v | slice:0 4"}), '{"v": 20240305}', URL).value == {"v": "2024"}


@pytest.mark.parametrize(
    ("value", "calls"),
    [
        ("10.5", "integer"),
        ("1e308", "integer"),
        ("true", "number"),
        ('{"a": 1}', "number"),
        ("2", "boolean"),
        ('{"a": 1}', "boolean"),
        ("true", "date"),
        ('{"a": 1}', "regex:a"),
        ("false", "absolute"),
    ],
)
def test_a_value_of_json_of_another_type_is_null_and_counted(value: str, calls: str) -> None:
    found = extract(compile_rules({"v": f"$.v | {calls}"}), f'{{"v": {value}}}', URL)
    assert found.value == {"v": None}
    assert found.unconverted == {"v": 1}


@pytest.mark.parametrize("calls", ["number", "integer", "date", "boolean", "json", "regex:x", "absolute"])
def test_what_is_absent_is_not_converted_and_not_counted(calls: str) -> None:
    found = _extract("  ", calls)
    assert found.value == {}
    assert found.unconverted == {}


@pytest.mark.parametrize(
    ("text", "calls", "expected"),
    [
        ("2016-06-12", "date", "2016-06-12"),
        ("2016-06-12T10:30:00Z", "date", "2016-06-12T10:30:00+00:00"),
        ("2016-06-12 10:30", "date", "2016-06-12T10:30:00"),
        ("Sun, 12 Jun 2016 10:30:00 +0200", "date", "2016-06-12T10:30:00+02:00"),
        ("12 June 2016", "date", "2016-06-12"),
        ("Sunday, June 12th, 2016 at 3:05 pm", "date", "2016-06-12T15:05:00"),
        ("June 12, 2016 12:00 a.m.", "date", "2016-06-12T00:00:00"),
        ("2016/6/12", "date", "2016-06-12"),
        ("12. Juni 2016", "date:de", "2016-06-12"),
        ("12.06.2016 um 9:05 Uhr", "date:de", "2016-06-12T09:05:00"),
        ("5. März 2016", "date:de", "2016-03-05"),
        ("12 de junio de 2016", "date:es", "2016-06-12"),
        ("1er février 2016", "date:fr", "2016-02-01"),
        ("12/06/2016", "date:en-GB", "2016-06-12"),
        ("06/12/2016", "date:en-US", "2016-06-12"),
        ("12|06|16", 'date:"%d|%m|%y"', "2016-06-12"),
        ("2016 06 12 10 30", 'date:"%d.%m.%Y" "%Y %m %d %H %M"', "2016-06-12T10:30:00"),
        ("1465731007", "date:unix", "2016-06-12T11:30:07+00:00"),
        ("1465731007000", "date:unix-ms", "2016-06-12T11:30:07+00:00"),
    ],
)
def test_a_date_becomes_iso_8601(text: str, calls: str, expected: str) -> None:
    assert _apply(text, calls) == expected


def test_join_gathers_a_list_selector_into_one_text() -> None:
    rules = compile_rules({"tags": ['li | trim | join:", " | upper']})
    assert extract(rules, "<ul><li> a<li><li>b </ul>", URL).value == {"tags": "A, B"}


def test_a_filter_in_a_list_selector_works_on_each_value() -> None:
    rules = compile_rules(["li | number"])
    found = extract(rules, "<ul><li>1<li>x<li></ul>", URL)
    assert found.value == [1, None, None]
    assert found.unconverted == {"value": 1}


def test_a_default_after_a_number_is_a_number() -> None:
    assert extract(compile_rules({"a": "b | number | default:0"}), "", URL).value == {"a": 0}
    assert _refuse({"a": "b | number | default:none"})[0].position == 21


@pytest.mark.parametrize(
    ("selector", "position", "problem"),
    [
        ("a | trim:1", 9, "arguments"),
        ("a | slice", 4, "arguments"),
        ("a | slice:x", 10, "no whole number"),
        ("a | slice:1 2 3", 14, "arguments"),
        ("a | nubmer", 4, "no filter"),
        ("a | number:xx", 11, "unknown"),
        ("a | date:xx", 9, "unknown"),
        ('a | date:"%Q"', 9, "no date format"),
        ('a | date:"%d.%m.%Y" "%b %d"', 20, "no year"),
        ('a | date:"%H:%M"', 9, "no year"),
        ('a | regex:"("', 10, "regular expression"),
        ('a | regex:"(a)" 2', 16, "no group"),
        ('a | regex:"(?=a)"', 10, "regular expression"),
        ("a | join", 4, "is given text"),
        ("a | number | trim", 13, "is given a number"),
        ('a | split:""', 10, "empty"),
        ('a | replace:"" x', 12, "empty"),
        ("a | ", 4, "no filter"),
        ("a | trim |", 10, "no filter"),
    ],
)
def test_a_wrong_filter_is_refused_with_its_position(selector: str, position: int, problem: str) -> None:
    (error,) = _refuse({"v": selector})
    assert (error.field, error.position) == ("scraper.selector.v", position)
    assert problem in error.problem


def test_a_filter_that_would_grow_text_without_bound_is_stopped() -> None:
    rules = compile_rules({"v": f"p | replace:a {'b' * 4000} | replace:b {'c' * 4000}"})
    with pytest.raises(Exception, match="more than 32,000,000 characters"):
        extract(rules, f"<p>{'a' * 1000}</p>", URL)


def test_every_filter_is_documented() -> None:
    document = (Path(__file__).parents[3] / "docs" / "selectors.md").read_text()
    rows = [line.split("|")[1] for line in document.splitlines() if line.startswith("| `")]
    assert all(any(f"`{name}" in row for row in rows) for name in TABLE)
