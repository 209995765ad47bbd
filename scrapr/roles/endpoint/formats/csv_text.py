"""CSV (RFC 4180): a header, then one line for each item; safe to be opened in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any

import orjson

from scrapr.roles.endpoint.formats.writing import Subject, Told

FORMULA = re.compile(r"[=+\-@\t\r]")
HARMLESS = re.compile(r"[+-]?[0-9][0-9 .,]*")
"""A number, or what looks like one: it starts like a formula, and cannot call anything."""


class Csv:
    """The columns are the fields that are asked for, or else all that any item had.

    Lists and objects are JSON, null and missing are empty. Text that a spreadsheet would take for a formula begins with
    an apostrophe (OWASP, CSV injection).
    """

    def __init__(self, subject: Subject) -> None:
        self._columns = subject.fields or columns(subject.schema)

    def begin(self) -> bytes:
        """The header."""
        return _text([[_safe(name) for name in self._columns]])

    def write(self, items: Sequence[Told]) -> bytes:
        """One line for each item."""
        parsed = (orjson.loads(each.body) for each in items)
        return _text([[_cell(item.get(name)) for name in self._columns] for item in parsed])

    def end(self) -> bytes:
        """Nothing."""
        return b""


def columns(schema: dict[str, Any]) -> tuple[str, ...]:
    """The fields in the order of the items; the `timestamp`, which most have from us, at the end."""
    names = tuple(schema.get("properties", ()))
    return tuple(sorted(names, key=lambda name: name == "timestamp"))


def _text(rows: Sequence[Sequence[str]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\r\n").writerows(rows)
    return file.getvalue().encode()


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return _safe(value)
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
    return _safe(orjson.dumps(value).decode())


def _safe(text: str) -> str:
    if FORMULA.match(text) and not HARMLESS.fullmatch(text):
        return f"'{text}"
    return text
