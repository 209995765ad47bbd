"""Whatever an OpenAPI document allows is asked, and each answer held against it."""

from __future__ import annotations

from typing import Any

import schemathesis
from hypothesis import given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Err
from schemathesis.specs.openapi import checks

CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.unsupported_method,
    not_a_server_error,
]
"""Which texts are right JSON Schema cannot say: a list of fields, a cursor."""


def explore(document: dict[str, Any], url: str) -> None:
    """Ask in many ways; each answer must be one that is described."""
    schema = schemathesis.openapi.from_dict(document)
    for operation in schema.get_all_operations():
        if isinstance(operation, Err):
            raise operation.err()

        @settings(max_examples=30)
        @given(case=operation.ok().as_strategy())
        def ask(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate(base_url=url, checks=CHECKS)

        ask()
