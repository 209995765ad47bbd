"""What configurations declare of a collection: its inputs, and its fields as JSON Schema beside what was seen. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from scrapr.model.configuration import Configuration
from scrapr.model.inputs import Input
from scrapr.model.rules import EMPTY, FieldRule, Kind

Declared: TypeAlias = Mapping[str, Mapping[str, Any]]
"""The JSON Schemas of a collection's fields, as far as all that feed it declare them."""

NOTHING: Mapping[str, Any] = {"enum": list(EMPTY)}
_OF: Mapping[Kind, Mapping[str, Any]] = {
    "text": {"type": "string"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "description": "a date or time as in ISO 8601"},
    "url": {"type": "string", "format": "uri"},
    "list": {"type": "array"},
    "object": {"type": "object"},
}


Taken: TypeAlias = Mapping[str, Sequence[Input]]
"""A collection's inputs by name, as each configuration that takes them declares them."""


@dataclass(frozen=True)
class Declaration:
    """What is declared of a collection: its fields, and the inputs that any of its configurations takes."""

    fields: Declared = field(default_factory=dict)
    inputs: Taken = field(default_factory=dict)


def read(configurations: Sequence[Configuration]) -> Declaration:
    """What the configurations that feed a collection declare; a field that one leaves open is open."""
    each = [_declare(one) for one in configurations]
    names = set(each[0]).intersection(*each[1:]) if each else set()
    return Declaration(
        fields={name: join([fields[name] for fields in each]) for name in sorted(names)},
        inputs=_gather([one.inputs or {} for one in configurations]),
    )


def _gather(inputs: Iterable[Mapping[str, Input]]) -> Taken:
    gathered: dict[str, list[Input]] = {}
    for each in inputs:
        for name, one in each.items():
            gathered.setdefault(name, []).append(one)
    return gathered


def _declare(configuration: Configuration) -> dict[str, Mapping[str, Any]]:
    told: dict[str, Mapping[str, Any]] = {}
    for name, rule in configuration.field_rules.items():
        part = schema_of(rule)
        gathered = configuration.collected.get(name)
        told[gathered or name] = {"type": "array", "items": part} if gathered else part
    return told


def join(parts: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """What fits any of the parts."""
    distinct = [part for number, part in enumerate(parts) if part not in parts[:number]]
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def schema_of(rule: FieldRule) -> dict[str, Any]:
    """A rule as JSON Schema; a value that says nothing breaks it only where the field is required."""
    part: dict[str, Any] = {**(_OF[rule.type] if rule.type else {})}
    part |= {"enum": list(rule.allowed)} if rule.allowed is not None else {}
    part |= {"pattern": f"^(?:{rule.pattern})$"} if rule.pattern is not None else {}
    part |= {"minimum": rule.minimum} if rule.minimum is not None else {}
    part |= {"maximum": rule.maximum} if rule.maximum is not None else {}
    if rule.max_length is not None:
        part["maxItems" if rule.type == "list" else "maxLength"] = rule.max_length
    description = {} if rule.description is None else {"description": rule.description}
    if rule.required or not part:
        return part | description
    return {"anyOf": [part, NOTHING]} | description


def overlay(observed: Mapping[str, Any], declared: Declared) -> dict[str, Any]:
    """What was observed, with what is declared in its place."""
    if not declared:
        return dict(observed)
    return {"type": "object", **observed, "properties": {**observed.get("properties", {}), **declared}}


def types_of(part: Mapping[str, Any]) -> set[str]:
    """The JSON types that a field's schema allows, as far as it says."""
    types = part.get("type", ())
    own = {types} if isinstance(types, str) else set(types)
    return own.union(*(types_of(each) for each in part.get("anyOf", ())))
