"""Bodies become values, or an error that names every wrong field and what is allowed there."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from scrapr.model.errors import FieldError, Invalid, Malformed

M = TypeVar("M", bound=BaseModel)
NEWER: Final = "ignore"
"""What pydantic is to do with unknown fields of what another version of scrapr wrote, at all depths."""
JSON_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
JSON_FORMATS = {"date-time": "a time, as 2026-06-01T21:13:07Z"}
MISFITS = (
    "_type",
    "_parsing",
    "_parsing_size",
    "_from_float",
    "_network",
    "_error",
    "_equal",
    "greater_than",
    "less_than",
)
"""Ends of the names of pydantic's errors that say no more than that the value is not what is allowed."""


def wrong(problem: str, *, allowed: str | None = None, field: str = "") -> PydanticCustomError:
    """What a validator raises: the problem, what is allowed, and which field of the value it is about."""
    context = {"problem": problem, "allowed": allowed, "field": field}
    return PydanticCustomError("wrong", "{problem}", context)


def read_json(body: bytes) -> Any:
    """The value that a JSON text says; `Malformed` names the place where it stops being JSON.

    orjson refuses what the standard library lets through: NaN, Infinity and lone surrogates.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"The body is not JSON: {error}; allowed: a JSON text in UTF-8") from error


def parse(kind: type[M], value: Any, *, newer: bool = False) -> M:
    """`value` as a `kind`; `Invalid` names every field that is wrong.

    An unknown field is wrong, too, unless whoever sent it may be `newer` than this program and know more.
    """
    try:
        return kind.model_validate(value, extra=NEWER if newer else None)
    except ValidationError as error:
        schema = kind.model_json_schema()
        raise Invalid(*(_field_error(details, schema) for details in _without_sequels(error))) from error


def _without_sequels(error: ValidationError) -> Iterator[ErrorDetails]:
    """What is wrong, but no list that is too short only because pydantic left out of it what is wrong."""
    told = error.errors(include_url=False)
    containers = {details["loc"][:length] for details in told for length in range(len(details["loc"]))}
    return (each for each in told if each["type"] != "too_short" or each["loc"] not in containers)


def _field_error(details: ErrorDetails, schema: Mapping[str, Any]) -> FieldError:
    context = details.get("ctx", {})
    place = path((*details["loc"], *filter(None, [context.get("field")])))
    if details["type"] == "wrong":
        return FieldError(field=place, problem=context["problem"], allowed=context["allowed"])
    if details["type"] == "extra_forbidden":
        return _unknown_field(place, details, schema)
    allowed = allowed_at(schema, details["loc"])
    return FieldError(field=place, problem=_problem(details, allowed), allowed=allowed)


def _problem(details: ErrorDetails, allowed: str | None) -> str:
    kind, shown = details["type"], _shown(details["input"])
    if kind == "missing":
        return "is missing"
    if kind in {"too_short", "too_long"} and allowed is not None:
        return f"has {len(details['input'])}"
    if allowed is not None and kind.endswith(MISFITS) and kind not in {"value_error", "assertion_error"}:
        return f"is {shown}"
    return f"{shown}: {details['msg'][:1].lower()}{details['msg'][1:]}"


def _unknown_field(place: str, details: ErrorDetails, schema: Mapping[str, Any]) -> FieldError:
    known = list(_part(schema, details["loc"][:-1]).get("properties", {}))
    meant = get_close_matches(str(details["loc"][-1]), known, n=1)
    problem = f"is not a known field; did you mean {meant[0]}?" if meant else "is not a known field"
    return FieldError(field=place, problem=problem, allowed=", ".join(known) or None)


def refuse_repeated(names: Iterable[str]) -> None:
    """Raise `Invalid` with every one of the `names` that comes more than once.

    The names are those of a query's items: its keys leave out what is repeated.
    """
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise Invalid(
            *(FieldError(field=name, problem="is given twice", allowed="once") for name in repeated)
        )


def path(places: Sequence[str | int]) -> str:
    """`("scraper", "selector", 0, "title")` as `scraper.selector[0].title`."""
    text = ""
    for place in places:
        text += f"[{place}]" if isinstance(place, int) else f".{place}" if text else str(place)
    return text


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}…"


def allowed_at(schema: Mapping[str, Any], places: Sequence[str | int]) -> str | None:
    """What a JSON `schema` allows at `places`, in words; None where it cannot say."""
    return _allowed(_part(schema, places))


def _part(schema: Mapping[str, Any], places: Sequence[str | int]) -> Mapping[str, Any]:
    """The schema of the field at `places`; empty where the schema cannot say."""
    part: Mapping[str, Any] = schema
    for place in places:
        part = _resolve(part, schema)
        part = part.get("items", {}) if isinstance(place, int) else _member(part, place)
    return _resolve(part, schema)


def _member(part: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The schema of an object's field; where fields may have any name, that of them all."""
    others = [*part.get("patternProperties", {}).values(), part.get("additionalProperties"), {}]
    known = part.get("properties", {})
    return known[name] if name in known else next(each for each in others if isinstance(each, dict))


def _resolve(part: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = [choice for choice in part.get("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) == 1:
        part = {**part, **choices[0]}
    reference = part.get("$ref", "")
    return schema.get("$defs", {}).get(reference.rpartition("/")[2], part) if reference else part


def _allowed(part: Mapping[str, Any]) -> str | None:
    if "enum" in part:
        return ", ".join(map(str, part["enum"]))
    if "const" in part:
        return json.dumps(part["const"]) if isinstance(part["const"], bool) else str(part["const"])
    if part.get("properties"):
        return f"an object with {', '.join(part['properties'])}"
    kind = JSON_FORMATS.get(part.get("format", "")) or JSON_TYPES.get(part.get("type", ""))
    if kind is None:
        return None
    return kind + _bounds(part) + (f" ({part['description']})" if "description" in part else "")


def _bounds(part: Mapping[str, Any]) -> str:
    low = part.get("minimum", part.get("minLength", part.get("minItems")))
    high = part.get("maximum", part.get("maxLength", part.get("maxItems")))
    unit = ""
    if not {"minimum", "maximum"} & part.keys():
        unit = (
            " characters"
            if "maxLength" in part
            else " entries"
            if {"minItems", "maxItems"} & part.keys()
            else ""
        )
    match low, high:
        case None, None if "exclusiveMinimum" in part:
            return f" above {part['exclusiveMinimum']}"
        case None, _ if "exclusiveMinimum" in part:
            return f" above {part['exclusiveMinimum']}, up to {high}"
        case None, None:
            return f" like {part['pattern']}" if "pattern" in part else ""
        case _, None:
            return f" from {low}{unit}"
        case None, _:
            return f" up to {high}{unit}"
        case _:
            return f" from {low} to {high}{unit}"
