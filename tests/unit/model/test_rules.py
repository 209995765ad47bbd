from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from scrapr.model.errors import Invalid
from scrapr.model.rules import FieldRule, find_faults
from scrapr.model.validation import parse


class Holder(BaseModel):
    fields: dict[str, FieldRule]


def faults(item: dict[str, Any], **rules: Any) -> list[str]:
    return [str(fault) for fault in find_faults(item, parse(Holder, {"fields": rules}).fields)]


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("text", ["x", "1"], [1, True, ["x"], {"x": 1}]),
        ("number", [1, 1.5, 0, -2], ["1", True, False, [1]]),
        ("integer", [1, 0], [1.5, "1", True]),
        ("boolean", [True, False], [0, 1, "true"]),
        (
            "date",
            ["2026-01-02", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05+02:00"],
            ["2 January", 2026, "x"],
        ),
        ("url", ["https://example.org/a?b=c", "http://h"], ["/a", "ftp://h/", "example.org", 1, "http://"]),
        ("list", [[1], ["a", None]], ["a", {"a": 1}]),
        ("object", [{"a": 1}], [[1], "a", 1]),
    ],
)
def test_a_value_is_of_its_type_or_is_told(kind: str, right: list[Any], wrong: list[Any]) -> None:
    for value in right:
        assert faults({"f": value}, f={"type": kind}) == []
    for value in wrong:
        assert [fault.partition(":")[0] for fault in faults({"f": value}, f={"type": kind})] == ["f"]


@pytest.mark.parametrize("empty", [None, "", [], {}])
def test_what_says_nothing_breaks_a_rule_only_where_it_is_required(empty: Any) -> None:
    assert faults({"f": empty}, f={"type": "integer"}) == []
    assert faults({"f": empty}, f={"type": "integer", "required": True}) == [
        "f: is missing; allowed: a whole number"
    ]
    assert faults({}, f={"required": True}) == ["f: is missing; allowed: any value"]


def test_zero_and_false_say_something() -> None:
    assert faults({"a": 0, "b": False}, a={"required": True}, b={"required": True}) == []


@pytest.mark.parametrize(
    ("rule", "value", "told"),
    [
        ({"type": "text", "pattern": "[a-z]+"}, "Ab", "does not match [a-z]+; allowed: text like [a-z]+"),
        ({"type": "text", "max_length": 2}, "abc", "is longer than 2; allowed: text up to 2 long"),
        ({"type": "list", "max_length": 1}, [1, 2], "is longer than 1; allowed: a list up to 1 long"),
        ({"type": "number", "minimum": 1}, 0.5, "is less than 1; allowed: a number from 1"),
        ({"type": "integer", "maximum": 9}, 10, "is more than 9; allowed: a whole number up to 9"),
        ({"allowed": ["a", 1]}, True, "is not one of the allowed values; allowed: a, 1"),
    ],
)
def test_a_fault_says_what_is_wrong_and_what_is_allowed(rule: Any, value: Any, told: str) -> None:
    assert faults({"f": value}, f=rule) == [f"f: {told}"]


def test_every_fault_of_an_item_is_told() -> None:
    rules = {"a": {"type": "integer"}, "b": {"required": True}, "c": {"type": "text"}}
    assert [fault.partition(":")[0] for fault in faults({"a": "x", "c": "y"}, **rules)] == ["a", "b"]


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ({"type": "words"}, "fields.f.type"),
        ({"type": "number", "pattern": "x"}, "fields.f.pattern"),
        ({"pattern": "x"}, "fields.f.pattern"),
        ({"type": "text", "pattern": "("}, "fields.f.pattern"),
        ({"type": "boolean", "maximum": 1}, "fields.f.maximum"),
        ({"type": "number", "minimum": 3, "maximum": 2}, "fields.f.maximum"),
        ({"type": "integer", "allowed": [1, "2"]}, "fields.f.allowed[1]"),
        ({"type": "integer", "maximum": 3, "allowed": [4]}, "fields.f.allowed[0]"),
        ({"requird": True}, "fields.f.requird"),
        ({"required": "yes"}, "fields.f.required"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_naming_the_place(rule: Any, place: str) -> None:
    with pytest.raises(Invalid) as caught:
        faults({}, f=rule)
    assert [fault.field for fault in caught.value.fields] == [place]
