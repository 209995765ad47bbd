"""What a collection is like: the JSON Schema of its items, and an OpenAPI document of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scrapr.model.problem import MEDIA_TYPE, Problem
from scrapr.model.times import show
from scrapr.roles.endpoint import asking
from scrapr.roles.endpoint.declaring import Taken, types_of
from scrapr.roles.endpoint.formats import kinds
from scrapr.roles.endpoint.query import Copy, Items, Wish
from scrapr.roles.endpoint.selection import RESERVED, Operator

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FILTERED = 50
"""Fields whose filters are described; all others can be asked for alike."""
OF_TEXT: tuple[Operator, ...] = ("contains", "startswith", "gt", "gte", "lt", "lte")
OF_NUMBERS: tuple[Operator, ...] = ("gt", "gte", "lt", "lte")
OF_ALL: tuple[Operator, ...] = ("ne", "in", "exists")
REFUSALS = {
    "404": "There is no such collection",
    "406": "No format of ours fits Accept",
    "410": "What it was then is no longer kept",
    "422": "Parameters are wrong; each is named",
    "503": "It was never seen here, or takes too long; Retry-After says when to ask again",
}


def schema(collection: str, copy: Copy, observed: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of the collection's items, as far as they were seen or their fields are declared."""
    seen = f"{copy.total} items at version {copy.version}"
    if copy.changed_at is not None:
        seen += f", changed at {show(copy.changed_at)}"
    return {
        "$schema": DIALECT,
        "title": collection,
        "description": f"An item of the collection {collection}, as observed and declared: {seen}",
        **(observed or {"type": "object"}),
    }


def openapi(
    collection: str,
    item: Mapping[str, Any],
    page: type[Wish],
    inputs: Taken,
    *,
    version: int,
    server: str,
) -> dict[str, Any]:
    """An OpenAPI 3.1 document about one collection; `page` is what its page may be asked with, beside `inputs`."""
    part = {name: value for name, value in item.items() if name not in {"$schema", "required"}}
    envelope = Items.model_json_schema(ref_template="#/components/schemas/{model}")
    envelope.pop("$defs", None)
    envelope["properties"]["items"] = {"type": "array", "items": {"$ref": "#/components/schemas/Item"}}
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    errors = problem.pop("$defs")
    return {
        "openapi": "3.1.0",
        "info": {"title": collection, "version": str(version)},
        "servers": [{"url": server}],
        "paths": {
            f"/v1/collections/{collection}/items": {
                "get": {
                    "summary": f"Items of {collection}",
                    "operationId": "items",
                    "parameters": [*_paging(page), *asking.parameters(inputs), *_filters(item)],
                    "responses": _responses(takes_inputs=bool(inputs)),
                }
            }
        },
        "components": {
            "schemas": {
                "Item": part,
                "Items": envelope,
                "Problem": problem,
                **errors,
                **(asking.schemas() if inputs else {}),
            }
        },
    }


def _paging(page: type[Wish]) -> Iterator[dict[str, Any]]:
    for name, part in page.model_json_schema()["properties"].items():
        yield {"name": name, "in": "query", "required": False, "schema": part}


def _filters(item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A parameter for each way to filter by a field at the top."""
    for name, part in list(item.get("properties", {}).items())[:FILTERED]:
        if "[" in name or "]" in name or not name:
            continue
        types = types_of(part)
        operators = [*OF_ALL, *(OF_TEXT if "string" in types else ())]
        operators += OF_NUMBERS if types & {"number", "integer"} and "string" not in types else ()
        equal = f"{name}[eq]" if name in RESERVED or name.startswith("input.") else name
        yield _filter(equal, {"type": "string"})
        for operator in operators:
            yield _filter(f"{name}[{operator}]", _values(operator, numeric="string" not in types))


def _filter(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": values}


def _values(operator: Operator, *, numeric: bool) -> dict[str, Any]:
    match operator:
        case "exists":
            return {"type": "boolean"}
        case "in":
            return {"type": "string", "minLength": 1, "description": "values, with commas between"}
        case "gt" | "gte" | "lt" | "lte":
            return {"type": "number" if numeric else "string"}
    return {"type": "string"}


def _responses(*, takes_inputs: bool) -> dict[str, Any]:
    items = [{"$ref": f"#/components/schemas/{name}"} for name in ("Items", "FoundItems")]
    bodies: dict[str, Any] = {
        kinds.JSON.media_type: {"schema": {"anyOf": items} if takes_inputs else items[0]}
    }
    for each in kinds.ALL[1:]:
        bodies[each.media_type] = {"schema": {"type": "string"}}
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    refusals = REFUSALS | ({"429": asking.BUSY} if takes_inputs else {})
    return {
        "200": {"description": "Items", "content": bodies},
        **({"202": asking.LATER} if takes_inputs else {}),
        "304": {"description": "The client has them: by If-None-Match or If-Modified-Since"},
        **{status: {"description": text, "content": problem} for status, text in sorted(refusals.items())},
    }
