"""The OpenAPI 3.1 document of a role, made from its routes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from scrapr.model.problem import MEDIA_TYPE, Problem
from scrapr.web.call import PREFIX
from scrapr.web.routes import Route

PLACE = re.compile(r"{(\w+)(?::[^}]*)?}")


def document(title: str, version: str, routes: Iterable[Route]) -> dict[str, Any]:
    """The document, with every route under `/v1`; the bare paths are the same and are not listed twice."""
    routes = list(routes)
    models = {
        model for route in routes for model in (route.query, route.body, route.answer, route.later) if model
    } | {Problem}
    schemas, definitions = models_json_schema(
        [(model, "validation") for model in sorted(models, key=lambda model: model.__name__)],
        ref_template="#/components/schemas/{model}",
    )
    references: dict[Any, Any] = {model: schema for (model, _), schema in schemas.items()}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        operations = paths.setdefault(PREFIX + PLACE.sub(r"{\1}", route.path), {})
        operations[route.method.lower()] = _operation(route, references)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route, references: Mapping[type[BaseModel], Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": f"{route.method.lower()}_{re.sub(r'[^a-z]+', '_', route.path.lower()).strip('_') or 'home'}",
        "parameters": [*_places(route.path), *_query(route.query), *route.parameters],
        "responses": _responses(route, references),
    }
    if route.body:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": references[route.body]}},
        }
    if route.needs == "write":
        operation["security"] = [{"token": []}, {}]
    return operation


def _places(path: str) -> Iterator[dict[str, Any]]:
    for name in PLACE.findall(path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query(model: type[BaseModel] | None) -> Iterator[dict[str, Any]]:
    if model is None:
        return
    schema = model.model_json_schema()
    for name, part in schema["properties"].items():
        yield {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": part}


def _responses(route: Route, references: Mapping[type[BaseModel], Any]) -> dict[str, Any]:
    refusals = {
        *route.refusals,
        *(() if route.lenient else (422,)),
        *((400, 413) if route.body else ()),
        *((401, 403) if route.needs == "write" else ()),
        503,
    }
    good: dict[str, Any] = {"description": HTTPStatus(route.status).phrase}
    if route.answer:
        good["content"] = {
            "application/json": {"schema": references[route.answer]},
            **{each: {"schema": {"type": "string"}} for each in route.also},
        }
    later = {"202": _accepted(references[route.later])} if route.later else {}
    return (
        {str(route.status): good}
        | later
        | {
            str(status): {
                "description": HTTPStatus(status).phrase,
                "content": {MEDIA_TYPE: {"schema": references[Problem]}},
            }
            for status in sorted(refusals)
        }
    )


def _accepted(schema: Any) -> dict[str, Any]:
    return {"description": HTTPStatus.ACCEPTED.phrase, "content": {"application/json": {"schema": schema}}}
