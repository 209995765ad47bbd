"""Selectors with placeholders, `{name}`: where they may stand, and how values get there.

A placeholder stands within quotes, or in a class or an id. There a value is written in CSS escapes, letter by
letter where need be, so that it is a part of that one name or string and of nothing else. What follows `@` or `|`
is never looked into: the `{Lu}` of a regular expression is no placeholder. In a path to JSON it stands within quotes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from scrapr.extraction import jsonpath, language
from scrapr.model.item import JSON
from scrapr.model.placeholders import PLACEHOLDER, Misplaced, names

DEPTH = 64
"""Levels of a selector that are looked into: more than the compiler takes."""
_ALLOWED = 'within quotes, as in [data-city="{city}"], or after . or #, as in .in-{city}'
_ALLOWED_IN_PATH = "within quotes, as in $.cities['{city}']"
_PLAIN = re.compile(r"[A-Za-z0-9_-]", re.ASCII)
_OPEN_ESCAPE = re.compile(r"\\[0-9a-fA-F]{0,6}\Z")
_NAME_SIGN = re.compile(r"[\w\-\u00a0-\U0010ffff]")
_STEP = re.compile(r"\\[0-9a-fA-F]{1,6}[ \t\r\n\f]?|\\.|" + PLACEHOLDER.pattern + "|.", re.DOTALL)
_PATH_STEP = re.compile(PLACEHOLDER.pattern + "|.", re.DOTALL)

Change = Callable[[str], str]


class Place(Enum):
    """Where in a selector a sign stands."""

    BETWEEN = "between"
    NAME = "name"
    STRING = "string"
    BRACKET = "bracket"


@dataclass(frozen=True, slots=True)
class Hole:
    """A placeholder, its offset, and whether a value can be put there."""

    name: str
    position: int
    place: Place
    after_escape: bool

    @property
    def is_safe(self) -> bool:
        return self.place in {Place.NAME, Place.STRING} and not self.after_escape


def texts(selector: JSON, path: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    """All selector strings in `selector`, with their places in the body that errors speak of."""
    if isinstance(selector, str):
        yield path, selector
    elif isinstance(selector, list) and depth < DEPTH:
        for place, part in enumerate(selector):
            yield from texts(part, f"{path}[{place}]", depth + 1)
    elif isinstance(selector, dict) and depth < DEPTH:
        for name, part in selector.items():
            yield from texts(part, f"{path}.{name}", depth + 1)


def holes(text: str) -> Iterator[Hole]:
    """The placeholders in the CSS, or the path, of a selector string."""
    place, quote, before = Place.BETWEEN, "", Place.BETWEEN
    css = text[: language.find_end(text)]
    for step in (_PATH_STEP if language.is_path(text) else _STEP).finditer(css):
        sign = step.group()
        if step.group(1) is not None:
            open_escape = _OPEN_ESCAPE.search(css, 0, step.start()) is not None
            yield Hole(step.group(1), step.start(), place, open_escape)
        elif place is Place.STRING:
            place = before if sign == quote else place
        elif sign in {'"', "'"}:
            place, quote, before = Place.STRING, sign, place
        else:
            place = _next(place, sign)


def _next(place: Place, sign: str) -> Place:
    if place is Place.BRACKET:
        return Place.BETWEEN if sign == "]" else place
    if sign == "[":
        return Place.BRACKET
    if sign in {".", "#"}:
        return Place.NAME
    is_name = place is Place.NAME and (sign[0] == "\\" or _NAME_SIGN.match(sign) is not None)
    return Place.NAME if is_name else Place.BETWEEN


def misplaced(text: str, declared: frozenset[str]) -> Iterator[Misplaced]:
    """Every placeholder of a selector string that stands where no value can be put safely.

    One behind `@` or `|` counts if it is `declared`: whoever wrote it meant the input.
    """
    is_path = language.is_path(text)
    allowed = _ALLOWED_IN_PATH if is_path else _ALLOWED
    for hole in holes(text):
        if not hole.is_safe or (is_path and hole.place is not Place.STRING):
            problem = "stands where a value could become more than a name or a text"
            yield Misplaced(hole.name, problem, allowed, hole.position)
    end = language.find_end(text)
    for name in names(text[end:]):
        if name in declared:
            problem = "stands behind @ or |, where no value can be put"
            yield Misplaced(name, problem, allowed, text.index(f"{{{name}}}", end))


def sample(selector: JSON) -> JSON:
    """`selector` with letters for placeholders, each as many as it is long, so that positions stay."""
    return _change(selector, lambda text: _replace(text, lambda hole: "x" * (len(hole.name) + 2)))


def fill(selector: JSON, values: Mapping[str, str]) -> JSON:
    """`selector` with the values in their places; a placeholder without one stays."""

    def change(text: str) -> str:
        written = jsonpath.escape if language.is_path(text) else escape

        def write(hole: Hole) -> str:
            value = values.get(hole.name)
            return f"{{{hole.name}}}" if value is None else written(value)

        return _replace(text, write)

    return _change(selector, change)


def _change(selector: JSON, made: Change, depth: int = 0) -> JSON:
    if isinstance(selector, str):
        return made(selector)
    if isinstance(selector, list) and depth < DEPTH:
        return [_change(part, made, depth + 1) for part in selector]
    if isinstance(selector, dict) and depth < DEPTH:
        return {name: _change(part, made, depth + 1) for name, part in selector.items()}
    return selector


def escape(value: str) -> str:
    """`value` as CSS escapes that read the same in a name and in a string (CSS Syntax 3, 4.3.7)."""
    return "".join(
        sign if _PLAIN.match(sign) and (at or sign.isalpha() or sign == "_") else f"\\{ord(sign):x} "
        for at, sign in enumerate(value)
    )


def _replace(text: str, write: Callable[[Hole], str]) -> str:
    parts, at = [], 0
    for hole in holes(text):
        parts += [text[at : hole.position], write(hole)]
        at = hole.position + len(hole.name) + 2
    return "".join((*parts, text[at:]))
