"""A moment in a collection's past: a version, or a time."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, WithJsonSchema

from scrapr.model.times import cut, show
from scrapr.model.validation import wrong

ALLOWED = "a version, as 42, or a time, as 2026-06-01T21:13:07Z"
VERSION = re.compile(r"\d{1,18}")
PLUS_LOST = re.compile(r"(T[\d:.]+) (\d\d:?\d\d)")
"""A `+` in a query string means a blank; before an offset from UTC nothing else can be meant."""


def read_moment(value: Any) -> int | datetime:
    """The version or time that a query says; a time without an offset is UTC."""
    if isinstance(value, datetime):
        return cut(value)
    text = str(value).strip()
    if VERSION.fullmatch(text):
        return int(text)
    try:
        return cut(datetime.fromisoformat(PLUS_LOST.sub(r"\1+\2", text)))
    except (ValueError, OverflowError) as error:
        raise wrong("is neither a version nor a time", allowed=ALLOWED) from error


def show_moment(moment: int | datetime) -> str:
    """A moment as a query says it."""
    return str(moment) if isinstance(moment, int) else show(moment)


Moment: TypeAlias = Annotated[
    int | datetime,
    BeforeValidator(read_moment),
    WithJsonSchema({"type": "string", "description": ALLOWED}),
]
