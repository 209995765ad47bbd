"""X-Ray's selector strings: `css@attribute | filter:arguments | …`.

The grammar is that of x-ray-parse 1.0.1 and format-parser 0.0.2, with quotes, brackets and parentheses
respected where those split at every `|` and `@`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from scrapr.extraction import jsonpath
from scrapr.extraction.jsonpath import Path
from scrapr.extraction.syntax import Reader, SyntaxProblem

_ATTRIBUTE = re.compile(r"\s*([\w:\-]+)", re.ASCII)
_SPACE = re.compile(r"\s*")
_FILTER = re.compile(r"[A-Za-z_][\w\-]*", re.ASCII)
_BARE = re.compile(r"(?:\|=|[^ \t\r\n,|])+")
_BETWEEN = re.compile(r"[ \t\r\n,]*")


@dataclass(frozen=True, slots=True)
class Argument:
    text: str
    position: int


@dataclass(frozen=True, slots=True)
class Call:
    """A filter with its arguments, at a position of the selector string."""

    name: str
    arguments: tuple[Argument, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Selector:
    """One selector string, in its parts; `css` is empty when the scope's own element is meant."""

    css: str
    offset: int
    """Where `css` begins in the selector string."""
    attribute: str
    """`text`, `html`, or an attribute's name; `json` for a path."""
    calls: tuple[Call, ...] = ()
    path: Path | None = None
    """Instead of CSS."""


def parse(text: str) -> Selector:
    """Take a selector string apart; its CSS is not looked at yet.

    Raises `SyntaxProblem`.
    """
    check_characters(text)
    if is_path(text):
        return _parse_path(text)
    end = find_end(text)
    css = text[:end]
    reader = Reader(text, end)
    attribute = _read_attribute(reader) if reader.take("@") else "text"
    calls = _read_calls(reader, "css@attribute | filter:arguments")
    if not css.strip() and end == len(text):
        raise SyntaxProblem(0, "is empty", "a CSS selector, or @text for the scope's own text")
    return Selector(css.strip(), len(css) - len(css.lstrip()), attribute, calls)


def _parse_path(text: str) -> Selector:
    reader = Reader(text)
    reader.match(_SPACE)
    path = jsonpath.read(reader)
    reader.match(_SPACE)
    return Selector("", 0, "json", _read_calls(reader, "$.name['name'][0][*]..name | filter:arguments"), path)


def _read_calls(reader: Reader, allowed: str) -> tuple[Call, ...]:
    calls = []
    while reader.take("|"):
        calls.append(_read_call(reader))
        reader.match(_SPACE)
    if not reader.done:
        raise reader.problem(f"{reader.peek()!r} has no place here", allowed)
    return tuple(calls)


def is_path(text: str) -> bool:
    """Whether a selector string speaks of JSON."""
    return text.lstrip()[:1] == "$"


def check_characters(text: str) -> None:
    """Refuse what no page can hold and no encoding can say: NUL and lone surrogates."""
    for position, sign in enumerate(text):
        if sign == "\0" or "\ud800" <= sign <= "\udfff":
            raise SyntaxProblem(position, "is no character")


def find_end(text: str) -> int:
    """Where the CSS ends: at an `@` or `|` that is not within quotes, brackets or parentheses."""
    level = at = 0
    while at < len(text):
        sign = text[at]
        if sign == "\\":
            at += 1
        elif sign in {'"', "'"}:
            at = max(at, text.find(sign, at + 1))
        elif sign in {"[", "("}:
            level += 1
        elif sign in {"]", ")"}:
            level = max(0, level - 1)
        elif level == 0 and (sign == "@" or (sign == "|" and not text.startswith("|=", at))):
            return at
        at += 1
    return len(text)


def _read_attribute(reader: Reader) -> str:
    found = reader.match(_ATTRIBUTE)
    if found is None:
        reader.match(_SPACE)
        raise reader.problem("no attribute follows @", "@href, @text, @html …")
    reader.match(_SPACE)
    return found.group(1).lower()


def _read_call(reader: Reader) -> Call:
    reader.match(_SPACE)
    start = reader.at
    found = reader.match(_FILTER)
    if found is None:
        raise reader.problem("no filter follows |")
    reader.match(_SPACE)
    arguments: list[Argument] = []
    if reader.take(":"):
        reader.match(_BETWEEN)
        while not reader.done and reader.peek() != "|":
            arguments.append(_read_argument(reader))
            reader.match(_BETWEEN)
    return Call(found.group(), tuple(arguments), start)


def _read_argument(reader: Reader) -> Argument:
    start = reader.at
    quote = reader.peek()
    if quote in {'"', "'"}:
        end = reader.text.find(quote, start + 1)
        if end < 0:
            raise reader.problem("a quote is never closed")
        reader.at = end + 1
        return Argument(reader.text[start + 1 : end], start)
    found = reader.match(_BARE)
    return Argument(found.group() if found else "", start)
