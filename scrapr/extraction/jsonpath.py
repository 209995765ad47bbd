"""Selectors for JSON: a small JSONPath, read with positions and applied to values.

`$`, then any of `.name`, `['name']`, `[0]`, `[-1]`, `[*]`, `..name` and `..['name']`; what they mean is RFC 9535's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scrapr.extraction.syntax import Reader
from scrapr.model.errors import TooLarge

MAX_FOUND = 200_000
"""Values that one step may find."""
MAX_STEPS = 50
MAX_DEEP = 2
"""`..` in one path: each may find every value once for each that it is within."""

_NAME = re.compile(r"""[^\s.\[\]|'"*()$,]+""")
_INDEX = re.compile(r"-?\d{1,9}", re.ASCII)
_SPACE = re.compile(r"\s*")
_ESCAPED = re.compile(r"\\u(?![dD][89a-fA-F])([0-9a-fA-F]{4})")
_SPECIAL = re.compile(r"['\"\\\0]")
_ALLOWED = ".name, ['name'], [0], [*] or ..name"


@dataclass(frozen=True, slots=True)
class Name:
    """`.name`: the member of an object."""

    name: str

    def of(self, value: Any) -> Iterator[Any]:
        if isinstance(value, dict) and self.name in value:
            yield value[self.name]


@dataclass(frozen=True, slots=True)
class Index:
    """`[n]`: the element of a list, from its end if negative."""

    index: int

    def of(self, value: Any) -> Iterator[Any]:
        if isinstance(value, list) and -len(value) <= self.index < len(value):
            yield value[self.index]


@dataclass(frozen=True, slots=True)
class Every:
    """`[*]`: all elements of a list, or all values of an object."""

    def of(self, value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            yield from value.values()
        elif isinstance(value, list):
            yield from value


@dataclass(frozen=True, slots=True)
class Deep:
    """`..name`: the members of that name in the value and in all within it, in the order of the text."""

    name: str

    def of(self, value: Any) -> Iterator[Any]:
        left = [value]
        while left:
            each = left.pop()
            if isinstance(each, dict):
                if self.name in each:
                    yield each[self.name]
                left.extend(reversed(each.values()))
            elif isinstance(each, list):
                left.extend(reversed(each))


Step = Name | Index | Every | Deep


@dataclass(frozen=True, slots=True)
class Path:
    """A compiled path."""

    text: str
    steps: tuple[Step, ...]

    def find(self, value: Any) -> list[Any]:
        """All that the path means, from `value`.

        Raises `TooLarge` where a step finds more than `MAX_FOUND`.
        """
        level = [value]
        for step in self.steps:
            found: list[Any] = []
            for each in level:
                found.extend(step.of(each))
                if len(found) > MAX_FOUND:
                    raise TooLarge(f"{self.text} finds more than {MAX_FOUND:,} values on one page")
            level = found
        return level


def read(reader: Reader) -> Path:
    """Read a path that begins here with `$`, up to what is no part of it.

    Raises `SyntaxProblem`.
    """
    start = reader.at
    if not reader.take("$"):
        raise reader.problem("is no selector for JSON", "$.name")
    steps: list[Step] = []
    while (step := _read_step(reader)) is not None:
        steps.append(step)
        if len(steps) > MAX_STEPS or sum(isinstance(each, Deep) for each in steps) > MAX_DEEP:
            raise reader.problem("has too many steps", f"at most {MAX_STEPS}, {MAX_DEEP} of them with ..")
    return Path(reader.text[start : reader.at], tuple(steps))


def _read_step(reader: Reader) -> Step | None:
    start = reader.at
    if reader.take(".."):
        if reader.peek() == "[":
            step = _read_brackets(reader)
            if isinstance(step, Name):
                return Deep(step.name)
            raise reader.problem("a name must follow ..", "..name or ..['name']", at=start)
        return Deep(_read_name(reader))
    if reader.take("."):
        return Every() if reader.take("*") else Name(_read_name(reader))
    return _read_brackets(reader) if reader.peek() == "[" else None


def _read_name(reader: Reader) -> str:
    found = reader.match(_NAME)
    if found is None:
        raise reader.problem("a name is missing", "letters, digits, _, -, @; else ['name']")
    return found.group()


def _read_brackets(reader: Reader) -> Step:
    start = reader.at
    reader.take("[")
    reader.match(_SPACE)
    step: Step
    if reader.peek() in {"'", '"'}:
        step = Name(_read_quoted(reader))
    elif reader.take("*"):
        step = Every()
    elif (index := reader.match(_INDEX)) is not None:
        step = Index(int(index.group()))
    else:
        raise reader.problem("is neither a name in quotes, a number nor *", _ALLOWED)
    reader.match(_SPACE)
    if not reader.take("]"):
        raise reader.problem("[ is never closed", at=start)
    return step


def _read_quoted(reader: Reader) -> str:
    start, quote = reader.at, reader.peek()
    end = reader.text.find(quote, start + 1)
    if end < 0:
        raise reader.problem("a quote is never closed", at=start)
    reader.at = end + 1
    return _ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), reader.text[start + 1 : end])


def escape(name: str) -> str:
    """`name` as it stands within quotes."""
    return _SPECIAL.sub(lambda found: f"\\u{ord(found.group()):04x}", name)
