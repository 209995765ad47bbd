"""Placeholders, `{name}`, in a source: where they may stand, and how values get there.

A value is percent-encoded as a whole (RFC 3986, 2.1), so that it stays within the path segment or the query value
in which its placeholder stands, whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from scrapr.model.errors import FieldError, Invalid

NAME = "[A-Za-z_][A-Za-z0-9_]{0,63}"
"""A name of an input, as a regular expression."""
PLACEHOLDER = re.compile("{(" + NAME + ")}")
SOURCE_LENGTH = 8192
"""Characters of a source, values included."""
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(//[^/?#]*)?")
_LOOSE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SEGMENT = "a path segment, as in /{city}/, or the value of a query parameter, as in ?city={city}"


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A placeholder that stands where no value can be put safely. `position` is an offset into the text."""

    name: str
    problem: str
    allowed: str
    position: int


def names(text: str) -> tuple[str, ...]:
    """The inputs that stand in `text`."""
    return tuple(dict.fromkeys(PLACEHOLDER.findall(text)))


def misplaced(source: str) -> Iterator[Misplaced]:
    """Every placeholder of `source` that could change more than one segment or one value."""
    authority, query, fragment = _bounds(source)
    loose = _LOOSE_PERCENT.search(source)
    for found in PLACEHOLDER.finditer(source):
        problem = None
        if found.start() < authority:
            problem = "would choose the host"
        elif found.start() >= fragment:
            problem = "stands in the fragment, which is never sent"
        elif "=" not in source[query + 1 : found.start()].rpartition("&")[2] and found.start() > query:
            problem = "would choose a query parameter"
        elif loose is not None:
            problem = f"stands beside a % at character {loose.start()} that begins no percent-encoding"
        if problem is not None:
            yield Misplaced(found.group(1), problem, _SEGMENT, found.start())


def fill_source(source: str, texts: Mapping[str, str], *, field: str = "inputs") -> str:
    """`source` with the texts in their places; a placeholder without one stays.

    Raises `Invalid` for a text that would change the path: `..`, `.`, nothing, or one with a `;`.
    """
    authority, query, _ = _bounds(source)
    segments = source[authority:query].split("/")
    faults = [fault for segment in segments for fault in _changed_path(segment, texts, field)]
    filled = _fill(source, texts)
    if len(filled) > SOURCE_LENGTH:
        faults += [
            FieldError(
                field=f"{field}.{name}",
                problem=f"makes the source {len(filled):,} characters long",
                allowed=f"up to {SOURCE_LENGTH:,}",
            )
            for name in names(source)
        ]
    if faults:
        raise Invalid(*faults)
    return filled


def _bounds(source: str) -> tuple[int, int, int]:
    """Where the path, the query (its `?`) and the fragment (its `#`) begin; at the end where there is none."""
    found = _AUTHORITY.match(source)
    path = found.end() if found else 0
    fragment = len(source.partition("#")[0])
    return path, len(source[:fragment].partition("?")[0]), fragment


def _fill(text: str, texts: Mapping[str, str]) -> str:
    def encode(found: re.Match[str]) -> str:
        value = texts.get(found.group(1))
        return found.group() if value is None else quote(value, safe="")

    return PLACEHOLDER.sub(encode, text)


def _changed_path(segment: str, texts: Mapping[str, str], field: str) -> Iterator[FieldError]:
    """The texts that would make something other than one named segment out of `segment`.

    A `;` begins a path parameter (RFC 3986, 3.3), encoded or not: some servers and clients decode it first.
    """
    held = [name for name in names(segment) if name in texts]
    filled = unquote(_fill(segment, texts))
    for name in held:
        if filled in {"", ".", ".."}:
            problem = f"makes the path segment {filled!r}, which is none"
            yield FieldError(field=f"{field}.{name}", problem=problem, allowed="a text that names something")
        elif ";" in texts[name]:
            problem = "holds a ; which would begin a path parameter"
            yield FieldError(field=f"{field}.{name}", problem=problem, allowed="a text without ;")
