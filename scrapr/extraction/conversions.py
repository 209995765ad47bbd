"""Typed filters: each makes, from its arguments, what converts one text or raises `ValueError`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import re2

from scrapr.extraction import dates, links, numbers, sources
from scrapr.extraction.arguments import Arguments
from scrapr.extraction.page import Page

Convert = Callable[[str, Page], Any]

_TRUE = frozenset({"true", "yes", "y", "on", "1"})
_FALSE = frozenset({"false", "no", "n", "off", "0"})


def take_nothing(value: Any) -> Any:
    """Refuse what is no text."""
    raise ValueError(value)


def take_number(value: Any) -> Any:
    """A number of JSON as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(value)  # noqa: TRY004 -- what cannot be converted is one kind of error
    return value


def take_integer(value: Any) -> int:
    """A number of JSON that has no fraction; one with a point or an exponent, if it is exact."""
    if isinstance(take_number(value), float) and (value != int(value) or abs(value) > numbers.GREATEST):
        raise ValueError(value)
    return int(value)


def take_boolean(value: Any) -> bool:
    """`true` or `false` of JSON."""
    if not isinstance(value, bool):
        raise ValueError(value)  # noqa: TRY004 -- as above
    return value


def make_number(arguments: Arguments) -> Convert:
    """`number` or `number:locale`."""
    arguments.expect(0, 1)
    style = arguments.choice(0, numbers.STYLES) if arguments.count else numbers.PLAIN
    return lambda text, _page: numbers.read(text, style)


def make_integer(arguments: Arguments) -> Convert:
    """`integer` or `integer:locale`: a number without a fraction."""
    convert = make_number(arguments)

    def integer(text: str, page: Page) -> int:
        number = convert(text, page)
        if number != int(number) or abs(number) > numbers.GREATEST:
            raise ValueError(text)
        return int(number)

    return integer


def make_boolean(arguments: Arguments) -> Convert:
    """`boolean`, or `boolean:word word …`: whether the text is one of the words."""
    words = frozenset(word.strip().casefold() for word in arguments.texts)

    def boolean(text: str, _page: Page) -> bool:
        word = text.strip().casefold()
        if words or word in _TRUE:
            return not words or word in words
        if word in _FALSE:
            return False
        raise ValueError(text)

    return boolean


def make_date(arguments: Arguments) -> Convert:
    """`date`, `date:locale`, `date:unix` or `date:format format …`."""
    arguments.expect(0, 10)
    read = dates.reader(arguments)
    return lambda text, _page: read(text)


def make_regex(arguments: Arguments) -> Convert:
    """`regex:pattern` or `regex:pattern,group`: the first match, or its first (or the named) group."""
    arguments.expect(1, 2)
    options = re2.Options()
    options.log_errors = False
    try:
        pattern = re2.compile(arguments.text(0), options)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        raise arguments.problem(0, f"is no regular expression: {reason}", "RE2's syntax") from error
    group = _choose_group(arguments, pattern)

    def search(text: str, _page: Page) -> str:
        found = pattern.search(text)
        if found is None or found.group(group) is None:
            raise ValueError(text)
        return str(found.group(group))

    return search


def _choose_group(arguments: Arguments, pattern: Any) -> int | str:
    if arguments.count == 1:
        return min(1, int(pattern.groups))
    wanted = arguments.text(1)
    if wanted in pattern.groupindex:
        return wanted
    groups = int(pattern.groups)
    if not (wanted.isascii() and wanted.isdigit()) or len(wanted) > 3 or int(wanted) > groups:
        raise arguments.problem(1, "is no group of the pattern", f"0 to {groups}, or a name")
    return int(wanted)


def make_absolute(arguments: Arguments) -> Convert:
    """`absolute`: the text as a link from this page."""
    arguments.expect(0)

    def absolute(text: str, page: Page) -> str:
        joined = page.base.join(text.strip())
        if not links.is_absolute(joined):
            raise ValueError(text)
        return joined

    return absolute


def make_json(arguments: Arguments) -> Convert:
    """`json`: the value that the text says."""
    arguments.expect(0)

    def read(text: str, _page: Page) -> Any:
        return sources.read_json(text)

    return read
