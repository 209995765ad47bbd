"""How items for inputs are asked for and answered, as OpenAPI tells it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scrapr.model.inputs import LENGTH, Input, Kind
from scrapr.roles.endpoint.declaring import Taken, join
from scrapr.roles.endpoint.found import Awaited, FoundItems
from scrapr.roles.endpoint.given import PREFIX

MEANING = "an input: items are found for it, apart from the collection; beside inputs there is limit and cursor alone"
REQUIRED = "it must be given where another input is"
ANY: Mapping[str, Any] = {
    "name": f"{PREFIX}*",
    "in": "query",
    "required": False,
    "style": "form",
    "explode": True,  # so that each of the object's members is a parameter
    "description": f"{PREFIX}{{name}}, {MEANING}. A collection's own document lists those that it takes",
    "schema": {
        "type": "object",
        "propertyNames": {"pattern": "^input\\."},
        "additionalProperties": {"type": "string"},
    },
}
"""The inputs of whichever collection."""
_TYPES: Mapping[Kind, str] = {
    "text": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
}
LATER: Mapping[str, Any] = {
    "description": "The items for these inputs are not found yet",
    "headers": {
        "Location": {"description": "where they will be", "schema": {"type": "string"}},
        "Retry-After": {"description": "seconds after which to ask there", "schema": {"type": "integer"}},
    },
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Awaited"}}},
}


BUSY = "There are too many runs for inputs; Retry-After says when to ask again"


def schemas() -> dict[str, Any]:
    """What is answered for inputs, by name."""
    found = FoundItems.model_json_schema()
    found.pop("$defs", None)
    found["properties"]["items"] = {"type": "array", "items": {"type": "object"}}
    return {"FoundItems": found, "Awaited": Awaited.model_json_schema()}


def parameters(inputs: Taken) -> Iterator[dict[str, Any]]:
    """A parameter for each input; none is required, as without any of them the collection's items are answered."""
    for name, declared in inputs.items():
        words = [each.description for each in declared if each.description is not None]
        required = [REQUIRED] if all(each.default is None for each in declared) else []
        yield {
            "name": f"{PREFIX}{name}",
            "in": "query",
            "required": False,
            "description": "; ".join([*dict.fromkeys(words), MEANING, *required]),
            "schema": join([_schema_of(each) for each in declared]),
        }


def _schema_of(declared: Input) -> dict[str, Any]:
    part: dict[str, Any] = {"type": _TYPES[declared.type]}
    part |= {"default": declared.default} if declared.default is not None else {}
    part |= {"enum": list(declared.allowed)} if declared.allowed is not None else {}
    part |= {"pattern": f"^(?:{declared.pattern})$"} if declared.pattern is not None else {}
    part |= {"minimum": declared.minimum} if declared.minimum is not None else {}
    part |= {"maximum": declared.maximum} if declared.maximum is not None else {}
    return part | ({"maxLength": declared.max_length or LENGTH} if declared.type == "text" else {})
