"""Where values of JSON come from: a JSON document, and what pages hold as JSON-LD or microdata."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from scrapr.extraction.syntax import SyntaxProblem

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_DEPTH = 100
"""Lists and objects within each other; what is deeper is as broken JSON."""

_SOURCE = re.compile(r"\s*@(?P<kind>[\w\-]+)\s*(?:\(\s*(?P<type>[^()\s]*)\s*\)\s*)?", re.ASCII)
_WRAPPING = re.compile(r"\A\s*(?:<!--|(?://\s*)?<!\[CDATA\[)|(?:-->|(?://\s*)?\]\]>)\s*\Z")
KINDS = ("jsonld", "microdata")


@dataclass(frozen=True, slots=True)
class Source:
    """`@jsonld`, `@jsonld(Type)` or `@microdata(Type)`."""

    kind: str
    type: str

    def select(self, values: Iterable[Any]) -> list[Any]:
        """Those of the type, however deep; not those within others of them. Without a type, `values`."""
        if not self.type:
            return list(values)
        return list(_of_type(values, self.type, is_microdata=self.kind == "microdata"))


def is_source(scope: str) -> bool:
    """Whether a scope speaks of a page's structured data."""
    return scope.lstrip()[:1] == "@"


def parse(text: str) -> Source:
    """Read a scope that begins with `@`.

    Raises `SyntaxProblem`.
    """
    found = _SOURCE.match(text)
    start = len(text) - len(text.lstrip())
    if found is None or found["kind"] not in KINDS:
        raise SyntaxProblem(
            start, "is no scope", "CSS, @jsonld, @jsonld(Type), @microdata or @microdata(Type)"
        )
    if found.end() != len(text):
        raise SyntaxProblem(found.end(), f"{text[found.end()]!r} has no place here", "@jsonld(Type)")
    return Source(found["kind"], found["type"] or "")


def read_json(text: str) -> Any:
    """The value that a JSON text says.

    Raises `ValueError` where it says none, or one with more than `MAX_DEPTH` levels.
    """
    value = orjson.loads(text)
    if text.count("[") + text.count("{") > MAX_DEPTH and depth(value) > MAX_DEPTH:
        raise ValueError(f"more than {MAX_DEPTH} levels")
    return value


def depth(value: Any) -> int:
    """How deeply lists and objects are nested, level by level so that no recursion ends it."""
    found, level = 0, [value]
    while level := [
        part
        for each in level
        if isinstance(each, dict | list)
        for part in (each.values() if isinstance(each, dict) else each)
    ]:
        found += 1
    return found


def read_jsonld(script: str) -> list[Any]:
    """The objects that a script of JSON-LD tells at its top: those of lists and of `@graph` one by one.

    Raises `ValueError` where it is no JSON.
    """
    return list(_top(read_json(_WRAPPING.sub("", script).strip())))


def _top(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for each in value:
            yield from _top(each)
    elif isinstance(value, dict):
        if "@graph" not in value or "@type" in value:
            yield value
        if "@graph" in value:
            yield from _top(value["@graph"])


def _of_type(values: Iterable[Any], wanted: str, *, is_microdata: bool) -> Iterator[Any]:
    left = list(values)[::-1]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            if _is_of(each.get("type" if is_microdata else "@type"), wanted):
                yield each
            else:
                left.extend(reversed((each["properties"] if is_microdata else each).values()))
        elif isinstance(each, list):
            left.extend(reversed(each))


def _is_of(types: Any, wanted: str) -> bool:
    """Whether one of the types is `wanted`, with or without the vocabulary's address or prefix before it."""
    each = types if isinstance(types, list) else [types]
    return any(
        isinstance(name, str) and (name == wanted or re.split(r"[/#:]", name)[-1] == wanted) for name in each
    )
