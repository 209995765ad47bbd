from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapr.model import inputs
from scrapr.model.errors import Invalid
from scrapr.model.inputs import Input
from scrapr.model.validation import parse

CITY = Input(type="text", allowed=("berlin", "köln"))
PAGE = Input(type="integer", default=1, minimum=1, maximum=9)


def faults(declared: dict[str, Input], given: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    with pytest.raises(Invalid) as caught:
        inputs.read(declared, given)
    return {fault.field: (fault.problem, fault.allowed) for fault in caught.value.fields}


def test_what_is_given_takes_the_place_of_defaults() -> None:
    assert inputs.read({"city": CITY, "page": PAGE}, {"city": "köln"}) == {"city": "köln", "page": 1}
    assert inputs.read({"city": CITY, "page": PAGE}, {"city": "köln", "page": "7"})["page"] == 7


def test_every_wrong_value_is_named_at_once_with_what_is_allowed() -> None:
    assert faults({"city": CITY, "page": PAGE}, {"page": 10, "citi": "x"}) == {
        "inputs.citi": ("is not an input; did you mean city?", "city, page"),
        "inputs.city": ("is missing", "berlin, köln"),
        "inputs.page": ("is too large", "a whole number of up to 18 digits, from 1, up to 9"),
    }


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        (Input(type="text"), 5),
        (Input(type="text"), ["a"]),
        (Input(type="text"), "a" * 201),
        (Input(type="text"), "a\nb"),
        (Input(type="text"), "\ud800"),
        (Input(type="text", pattern="[a-z]+"), "abc1"),
        (Input(type="text", max_length=2), "abc"),
        (Input(type="integer"), "1.0"),
        (Input(type="integer"), 1.0),
        (Input(type="integer"), True),
        (Input(type="integer"), 10**18),
        (Input(type="integer"), "٣"),
        (Input(type="number"), "nan"),
        (Input(type="number"), float("inf")),
        (Input(type="number"), "1e999"),
        (Input(type="number"), 10**400),
        (Input(type="number"), False),
        (Input(type="boolean"), 1),
        (Input(type="boolean"), "yes"),
    ],
)
def test_a_wrong_value_is_refused(declared: Input, value: Any) -> None:
    assert set(faults({"it": declared}, {"it": value})) == {"inputs.it"}


@pytest.mark.parametrize(
    ("declared", "field"),
    [
        ({"type": "date"}, "type"),
        ({"type": "text", "pattern": "("}, "pattern"),
        ({"type": "text", "minimum": 1}, "minimum"),
        ({"type": "integer", "pattern": "1"}, "pattern"),
        ({"type": "boolean", "max_length": 1}, "max_length"),
        ({"type": "integer", "default": "1"}, "default"),
        ({"type": "integer", "default": 3, "maximum": 2}, "default"),
        ({"type": "text", "default": "c", "allowed": ["a", "b"]}, "default"),
        ({"type": "text", "allowed": ["a", 1]}, "allowed[1]"),
        ({"type": "text", "allowed": []}, "allowed"),
        ({"type": "integer", "minimum": 5, "maximum": 1}, "minimum"),
        ({"type": "text", "defualt": "a"}, "defualt"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused_by_name(declared: Any, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(Input, declared)
    assert {fault.field for fault in caught.value.fields} == {field}


def test_the_same_values_have_the_same_digest_however_they_are_spelled() -> None:
    declared = {"a": Input(type="number"), "b": Input(type="integer"), "c": Input(type="boolean")}
    spelled = inputs.read(declared, {"c": "true", "b": "+07", "a": "3"})
    plain = inputs.read(declared, {"a": 3.0, "b": 7, "c": True})
    assert inputs.digest(spelled, 1) == inputs.digest(plain, 1) != inputs.digest(plain, 2)
    zero = inputs.read({"a": Input(type="number")}, {"a": "-0"})
    assert inputs.digest(zero, 1) == inputs.digest({"a": 0.0}, 1)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (100.0, "100"),
        (0.0, "0"),
        (-3.0, "-3"),
        (1.5, "1.5"),
        (1e300, "1e+300"),
        (7, "7"),
        (True, "true"),
        ("a", "a"),
    ],
)
def test_a_number_without_a_fraction_is_written_without_one(value: Any, shown: str) -> None:
    assert inputs.show(value) == shown


def test_true_and_one_are_different_values() -> None:
    with pytest.raises(Invalid):
        parse(Input, {"type": "integer", "allowed": [True]})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    st.lists,
    max_leaves=3,
)


@given(st.sampled_from(["text", "integer", "number", "boolean"]), json_values)
def test_any_value_is_read_the_same_twice_or_refused(kind: Any, value: Any) -> None:
    declared = {"it": Input(type=kind)}
    try:
        read = inputs.read(declared, {"it": value})
    except Invalid:
        return
    assert inputs.read(declared, read) == read
    assert inputs.read(declared, {"it": inputs.show(read["it"])}) == read
