"""Tables on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import orjson

LONGEST = 60
WHOLE = frozenset({"id", "configuration"})
"""Columns that stay on one line: what stands there is given to other commands."""


def show_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table; where standard output is no terminal, columns parted by tabs."""
    if not sys.stdout.isatty():
        for row in (columns, *rows):
            print("\t".join(_text(value) for value in row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold", no_wrap=name in WHOLE)
    for row in rows:
        table.add_row(*(Text(_cut(_text(value))) for value in row))
    Console().print(table)


def show_items(items: Sequence[dict[str, Any]]) -> None:
    """Print items with a column for each of their fields."""
    columns = list(dict.fromkeys(name for item in items for name in item))
    show_table(columns, [[item.get(name) for name in columns] for item in items])


def show_json(value: Any) -> None:
    """Print a value as indented JSON."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone().isoformat(" ", "seconds")
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return " ".join(text.split())


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
