"""The filters after a selector's `|`: chosen by name, arguments and types checked when rules are compiled.

A filter works on the column of one field's values. What is absent stays absent; a list is filtered item by item; a
value that a typed filter cannot convert becomes null and is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from types import MappingProxyType
from typing import Any

from scrapr.extraction import conversions, texts
from scrapr.extraction.arguments import Arguments
from scrapr.extraction.language import Call
from scrapr.extraction.page import Page
from scrapr.extraction.syntax import SyntaxProblem
from scrapr.extraction.values import MISSING

Filter = Callable[[list[Any], Page, str], list[Any]]
"""Takes the values of one field, the page, and the field's path."""


class Kind(Enum):
    """What a filter takes or gives."""

    TEXT = "text"
    NUMBER = "a number"
    BOOLEAN = "a boolean"
    LIST = "a list"
    ANY = "any value"


@dataclass(frozen=True, slots=True)
class Definition:
    """A filter as users know it: what it takes, what it gives, and how it is made from its arguments."""

    make: Callable[[Arguments, Kind], Filter]
    takes: frozenset[Kind] = frozenset({Kind.TEXT, Kind.LIST, Kind.ANY})
    gives: Kind | None = None
    """None: what it took."""
    whole: bool = False
    """Takes a list as one value instead of item by item."""
    reads: bool = True
    """Works on texts alone, so that numbers from JSON become such."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The filters of one selector: those for each value, and those for the list of all of them."""

    each: tuple[Filter, ...] = ()
    whole: tuple[Filter, ...] = ()


def chain(
    calls: Sequence[Call],
    *,
    listed: bool,
    table: Mapping[str, Definition] | None = None,
    kind: Kind = Kind.TEXT,
) -> Chain:
    """Make the filters that `calls` name; `listed` when the selector stands in `[ ]`; `kind` is what is read.

    Raises `SyntaxProblem` for an unknown filter, wrong arguments, or a filter that cannot take what the one before
    it gives.
    """
    each: list[Filter] = []
    whole: list[Filter] = []
    gathered = not listed
    for call in calls:
        definition = _define(call, TABLE if table is None else table)
        if definition.whole and kind is not Kind.LIST and not gathered:
            kind, gathered = Kind.LIST, True
        _check_kind(call, definition, kind)
        wanted = whole if gathered and listed else each
        if kind is Kind.ANY and definition.reads:
            wanted.append(_write_numbers)
        wanted.append(definition.make(Arguments(call), kind))
        kind = definition.gives or kind
    return Chain(tuple(each), tuple(whole))


def _define(call: Call, table: Mapping[str, Definition]) -> Definition:
    definition = table.get(call.name)
    if definition is None:
        near = get_close_matches(call.name, table, n=3) or sorted(table)
        raise SyntaxProblem(call.position, f"there is no filter {call.name!r}", ", ".join(near))
    return definition


def _check_kind(call: Call, definition: Definition, kind: Kind) -> None:
    if kind in definition.takes:
        return
    hint = "a list in [ ], or split before it" if definition.whole else None
    takes = " or ".join(sorted(each.value for each in definition.takes if each is not Kind.ANY))
    raise SyntaxProblem(call.position, f"{call.name} takes {takes}, but is given {kind.value}", hint)


def _write_numbers(values: list[Any], _page: Page, _path: str) -> list[Any]:
    """Numbers as texts, as JSON writes them."""

    def write(value: Any) -> Any:
        if isinstance(value, list):
            return [write(part) for part in value]
        return texts.show(value) if isinstance(value, int | float) and not isinstance(value, bool) else value

    return [write(value) for value in values]


def changing(change: Callable[[str], Any]) -> Filter:
    """A filter that makes another text of each text."""

    def apply(values: list[Any], _page: Page, _path: str) -> list[Any]:
        return [change(value) if type(value) is str else _each(value, change) for value in values]

    return apply


def _each(value: Any, change: Callable[[str], Any]) -> Any:
    if isinstance(value, list):
        return [change(part) if isinstance(part, str) else part for part in value]
    return value


def growing(change: Callable[[str], str], growth: Callable[[str], int]) -> Filter:
    """A filter that makes longer text; `growth` says by how much, before it does."""

    def apply(values: list[Any], page: Page, path: str) -> list[Any]:
        def grow(text: str) -> str:
            page.take(growth(text), path)
            return change(text)

        return [grow(value) if type(value) is str else _each(value, grow) for value in values]

    return apply


def converting(convert: Callable[[str, Page], Any], take: Callable[[Any], Any]) -> Filter:
    """A filter that makes something else of text; `convert` raises `ValueError` where it cannot, `take` for no text.

    Blank text has nothing to convert: it is absent, and not counted.
    """

    def apply(values: list[Any], page: Page, path: str) -> list[Any]:
        def attempt(value: Any) -> Any:
            if isinstance(value, list):
                return [None if (part := attempt(each)) is MISSING else part for each in value]
            if value is None or value is MISSING:
                return value
            if isinstance(value, str) and not value.strip():
                return MISSING
            try:
                return convert(value, page) if isinstance(value, str) else take(value)
            except ValueError:
                page.unconverted[path] += 1
                return None

        return [attempt(value) for value in values]

    return apply


_TEXTUAL = frozenset({Kind.TEXT, Kind.LIST, Kind.ANY})
_NUMERIC = frozenset({Kind.TEXT, Kind.LIST, Kind.ANY, Kind.NUMBER})


def _text(change: Callable[[str], str]) -> Definition:
    def make(arguments: Arguments, _kind: Kind) -> Filter:
        arguments.expect(0)
        return changing(change)

    return Definition(make)


def _typed(
    make: Callable[[Arguments], Callable[[str, Page], Any]],
    gives: Kind,
    *,
    take: Callable[[Any], Any] = conversions.take_nothing,
    reads: bool = True,
) -> Definition:
    return Definition(lambda arguments, _kind: converting(make(arguments), take), gives=gives, reads=reads)


def _make_default(arguments: Arguments, kind: Kind) -> Filter:
    arguments.expect(1)
    value: Any = arguments.text(0)
    if kind is Kind.NUMBER:
        value = arguments.number(0)
    elif kind is Kind.BOOLEAN:
        value = arguments.choice(0, {"true": True, "false": False})

    def apply(values: list[Any], page: Page, path: str) -> list[Any]:
        empty = [each is MISSING or each is None or each in ("", []) for each in values]
        page.take(empty.count(True) * len(str(value)), path)
        return [value if without else each for without, each in zip(empty, values, strict=True)]

    return apply


def _make_join(arguments: Arguments, _kind: Kind) -> Filter:
    arguments.expect(0, 1)
    separator = arguments.text(0, "")

    def apply(values: list[Any], page: Page, path: str) -> list[Any]:
        def join(value: Any) -> Any:
            if not isinstance(value, list):
                return value
            parts = [texts.show(each) for each in value if each is not None and each != ""]
            page.take(sum(map(len, parts)) + len(separator) * len(parts), path)
            return separator.join(parts)

        return [join(value) for value in values]

    return apply


def _make_slice(arguments: Arguments, _kind: Kind) -> Filter:
    arguments.expect(1, 2)
    start, end = arguments.integer(0), arguments.integer(1) if arguments.count > 1 else None

    def cut(value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = texts.show(value)
        return value[start:end] if isinstance(value, str | list) else value

    def apply(values: list[Any], _page: Page, _path: str) -> list[Any]:
        return [cut(value) for value in values]

    return apply


def _make_split(arguments: Arguments, _kind: Kind) -> Filter:
    arguments.expect(0, 1)
    separator = arguments.text(0, None)
    if separator == "":
        raise arguments.problem(0, "is empty", "what stands between the parts")
    return changing(lambda text: text.split(separator))


def _make_replace(arguments: Arguments, _kind: Kind) -> Filter:
    arguments.expect(1, 2)
    old, new = arguments.text(0), arguments.text(1, "")
    if not old:
        raise arguments.problem(0, "is empty", "the text to replace")
    return growing(
        lambda text: text.replace(old, new), lambda text: max(0, text.count(old) * (len(new) - len(old)))
    )


def _make_prefix(arguments: Arguments, _kind: Kind) -> Filter:
    arguments.expect(1)
    added = arguments.text(0)
    return growing(lambda text: added + text if text else text, lambda _: len(added))


def _make_suffix(arguments: Arguments, _kind: Kind) -> Filter:
    arguments.expect(1)
    added = arguments.text(0)
    return growing(lambda text: text + added if text else text, lambda _: len(added))


TABLE: Mapping[str, Definition] = MappingProxyType(
    {
        "trim": _text(str.strip),
        "collapse": _text(texts.collapse),
        "lower": _text(str.lower),
        "upper": _text(str.upper),
        "html2text": _text(texts.html_to_text),
        "number": _typed(conversions.make_number, Kind.NUMBER, take=conversions.take_number, reads=False),
        "integer": _typed(conversions.make_integer, Kind.NUMBER, take=conversions.take_integer, reads=False),
        "boolean": _typed(conversions.make_boolean, Kind.BOOLEAN, take=conversions.take_boolean),
        "date": _typed(conversions.make_date, Kind.TEXT),
        "regex": _typed(conversions.make_regex, Kind.TEXT),
        "absolute": _typed(conversions.make_absolute, Kind.TEXT),
        "json": _typed(conversions.make_json, Kind.ANY, take=lambda value: value, reads=False),
        "default": Definition(_make_default, takes=frozenset(Kind), reads=False),
        "join": Definition(
            _make_join, takes=frozenset({Kind.LIST, Kind.ANY}), gives=Kind.TEXT, whole=True, reads=False
        ),
        "split": Definition(_make_split, takes=frozenset({Kind.TEXT, Kind.ANY}), gives=Kind.LIST),
        "slice": Definition(_make_slice, reads=False),
        "replace": Definition(_make_replace),
        "prefix": Definition(_make_prefix),
        "suffix": Definition(_make_suffix),
    }
)
"""All filters by name."""
