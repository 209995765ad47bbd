"""An item is what the extraction found on a page: a JSON object."""

from __future__ import annotations

from typing import TypeAlias

from pydantic import JsonValue

JSON: TypeAlias = JsonValue
"""Any value that JSON can say."""

Item: TypeAlias = dict[str, JsonValue]
