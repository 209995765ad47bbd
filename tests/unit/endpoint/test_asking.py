"""A collection's inputs as parameters."""

from __future__ import annotations

from typing import Any

from scrapr.model.inputs import Input
from scrapr.roles.endpoint import asking


def parameter(*declared: dict[str, Any]) -> dict[str, Any]:
    """How an input is told that some configurations declare so."""
    inputs = {"page": [Input.model_validate(each) for each in declared]}
    [told] = asking.parameters(inputs)
    return told


def test_an_input_is_told_as_it_is_declared() -> None:
    told = parameter({"type": "integer", "default": 1, "minimum": 1, "maximum": 50, "description": "which"})
    assert told["name"] == "input.page"
    assert told["schema"] == {"type": "integer", "default": 1, "minimum": 1, "maximum": 50}
    assert told["description"].startswith("which; ")
    assert asking.REQUIRED not in told["description"]


def test_a_text_is_told_with_its_pattern_and_length() -> None:
    told = parameter({"type": "text", "pattern": "a|b", "max_length": 9})
    assert told["schema"] == {"type": "string", "pattern": "^(?:a|b)$", "maxLength": 9}
    assert asking.REQUIRED in told["description"]


def test_an_input_that_several_configurations_take_is_any_of_theirs() -> None:
    told = parameter({"type": "integer"}, {"type": "boolean", "default": False}, {"type": "integer"})
    assert told["schema"] == {"anyOf": [{"type": "integer"}, {"type": "boolean", "default": False}]}
    assert asking.REQUIRED not in told["description"]
