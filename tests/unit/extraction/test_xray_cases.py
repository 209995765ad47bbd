"""X-Ray 2.3.4's own results, case by case; `docs/selectors.md` lists where ours differ, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from scrapr.extraction import filters
from scrapr.extraction.arguments import Arguments
from scrapr.extraction.extract import extract
from scrapr.extraction.filters import Definition, Filter, Kind
from scrapr.extraction.rules import Rules, compile_with
from scrapr.extraction.values import MISSING
from scrapr.model.errors import Invalid

CASES = orjson.loads((Path(__file__).parent / "data" / "xray-cases.json").read_bytes())["cases"]

REFUSED_AT = {"two @ -> unparsed": 6, "dot in attr -> unparsed": 3}
"""X-Ray takes these for an empty selector; we refuse them, and say where they go wrong."""
DIFFERENT = {
    "trailing space after attr -> unparsed": "/a?p=1&q=2",
    "pipe in quotes splits (error)": ["a|b"],
    "div stays inside p": "a",
}
UNSAYABLE = {"array as scope unsupported", "non-html text needs < and > at both ends"}
"""Calls of the JavaScript function for which no configuration stands."""
DECIDED = UNSAYABLE | DIFFERENT.keys() | REFUSED_AT.keys()

BY_NAME = {case["name"]: case for case in CASES}
KEPT = [case for case in CASES if case["name"] not in DECIDED]


def _custom(change: Any) -> Definition:
    def make(arguments: Arguments, _kind: Kind) -> Filter:
        return lambda values, _page, _path: [change(value, arguments) for value in values]

    return Definition(make, takes=frozenset(Kind), gives=Kind.ANY)


TABLE = {
    **filters.TABLE,
    "show": _custom(lambda value, _: f"<{'undefined' if value is MISSING else value}>"),
    "args": _custom(lambda _, arguments: list(arguments.texts)),
    "num": _custom(lambda value, _: float(value)),
    "drop": _custom(lambda _value, _arguments: MISSING),
}


def _as_configured(selector: Any) -> Any:
    if isinstance(selector, list):
        return [_as_configured(part) for part in selector]
    if isinstance(selector, dict):
        if "$x" in selector:
            scope, select = selector["$x"]
            return {"$scope": scope, "$select": _as_configured(select)}
        return {name: _as_configured(part) for name, part in selector.items()}
    return selector


def _compile(case: dict[str, Any]) -> Rules:
    return compile_with(TABLE, _as_configured(case["selector"]), scope=case["scope"])


@pytest.mark.parametrize("case", KEPT, ids=[case["name"] for case in KEPT])
def test_a_selector_gives_what_xray_gives(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(Invalid):
            _compile(case)
        return
    assert extract(_compile(case), case["html"], "").value == case["result"]


@pytest.mark.parametrize(("name", "expected"), DIFFERENT.items())
def test_a_documented_difference_is_what_the_document_says(name: str, expected: Any) -> None:
    case = BY_NAME[name]
    assert extract(_compile(case), case["html"], "").value == expected != case.get("result")


@pytest.mark.parametrize(("name", "position"), REFUSED_AT.items())
def test_what_xray_cannot_parse_is_refused_with_its_position(name: str, position: int) -> None:
    with pytest.raises(Invalid) as caught:
        _compile(BY_NAME[name])
    assert [(each.field, each.position) for each in caught.value.fields] == [("scraper.selector", position)]


def test_fewer_than_six_cases_differ_and_each_is_documented() -> None:
    document = (Path(__file__).parents[3] / "docs" / "selectors.md").read_text()
    assert len(DIFFERENT) + len(REFUSED_AT) < 6
    assert all(name in BY_NAME and f"`{name}`" in document for name in DECIDED)
