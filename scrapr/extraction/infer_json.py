"""What a JSON text lists, as a configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from scrapr.extraction import fieldnames, fields, jsonpath, proposal, sources
from scrapr.extraction.proposal import Proposal
from scrapr.model.item import JSON

_LOOKED_AT = 40
_DEPTH = 5
_PLAIN = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)
_IDS = ("id", "_id", "uuid", "sku", "slug", "key", "url")
_NEXT = re.compile(r"next(?:_?(?:page|url|link|href)){0,2}|href", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://|[/?]")


def infer(text: str, url: str) -> Proposal | None:
    """The proposal for the longest list of objects that no other list is around, if there is one."""
    try:
        document = sources.read_json(text)
    except ValueError:
        return None
    lists = [(path, value) for path, value in _within("$", document, _DEPTH) if _is_rows(value)]
    path, rows = max(lists, key=lambda each: len(each[1]), default=("", []))
    if not (selector := _selector(rows[:_LOOKED_AT])):
        return None
    return proposal.make(f"{path}[*]", selector, _next(document), text, url, ids=_IDS)


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _within(path: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """A value, and those in its objects; not those in its lists."""
    yield path, value
    for name, member in value.items() if isinstance(value, dict) and depth else ():
        yield from _within(path + _step(name), member, depth - 1)


def _step(name: str) -> str:
    return f".{name}" if _PLAIN.fullmatch(name) else f"['{jsonpath.escape(name)}']"


def _selector(rows: list[dict[str, Any]]) -> dict[str, JSON]:
    """The fields that most rows have: texts, numbers, lists of them, and those of objects one level within."""
    found: dict[str, tuple[str, JSON, int]] = {}
    for row in rows:
        for name, path, selector in _look_at(row):
            found[path] = (name, selector, found[path][2] + 1 if path in found else 1)
    chosen: dict[str, JSON] = {}
    for name, selector, count in found.values():
        if count >= fields.PRESENT * len(rows) and len(chosen) < fields.MOST:
            chosen[fieldnames.unused(name, chosen)] = selector
    return chosen


def _look_at(row: dict[str, Any]) -> Iterator[tuple[str, str, JSON]]:
    for name, value in row.items():
        inner = value.items() if isinstance(value, dict) else ()
        yield from _field(_name(name), f"${_step(name)}", value)
        for below, each in inner:
            yield from _field(f"{_name(name)}_{_name(below)}", f"${_step(name)}{_step(below)}", each)


def _field(name: str, path: str, value: Any) -> Iterator[tuple[str, str, JSON]]:
    if isinstance(value, list):
        if value and not any(isinstance(each, dict | list) for each in value):
            yield name, path, [f"{path}[*]"]
    elif value is not None and not isinstance(value, dict):
        yield name, path, path


def _name(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else fieldnames.slug(name) or "value"


def _next(document: Any) -> str | None:
    """The path of the next page's address, by what APIs call it."""
    for path, value in _within("$", document, 3):
        names = re.findall(r"\w+", path)
        is_next = any(name.lower().startswith("next") for name in names) and _NEXT.fullmatch(names[-1])
        if is_next and isinstance(value, str) and _ADDRESS.match(value):
            return path
    return None
