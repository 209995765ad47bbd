"""Whether parsing a page could cost more than a page may, told before it is parsed.

What lexbor (selectolax 1.0.2) does with a hostile page, on one core of 2020:

- nested or unclosed elements take time that grows with their square: 6,000 take 80 ms, 100,000 take 19 s;
- so do the attributes of one tag: 6,000 take 80 ms, 100,000 take 21 s;
- unclosed formatting elements with attributes are opened again in each block after them: 2,000 times `<b id=…>`
  and 2,000 paragraphs, a page of 37 kB, become 4,000,000 elements, 1.4 GB;
- 100,000 nested `<template>` crash the process when they are serialized.

Closing tags prove nothing: one that is out of scope, in a comment or in an attribute closes nothing, and to know
takes a parser. So what counts is how many tags there are; the depth is no greater. All checks are linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

TAGS_MOST = 6000
"""Tags that are parsed at once; a depth that takes 80 ms at the worst."""

CLONES_MOST = 400_000
"""Formatting tags times tags: elements that could come of it, of 370 bytes each."""

_FEW = int(CLONES_MOST**0.5)

ATTRIBUTES_MOST = 5000
"""Attributes of one tag."""

TAG_LONGEST = 20_480
"""Characters of a tag that is not looked at: room for 6,000 attributes."""

_TAG_WHOLE = 1_000_000
"""Characters of a tag that are read at a time, about 20 ms; one that is longer is suspected unread."""

_STRIDE = 12_288
_SEARCH = 1024
_REACH = TAG_LONGEST - _STRIDE - _SEARCH
_SPACES_MOST = 64
"""Spaces before a value that are looked at; with more, anything is possible."""

# b, i, s, u, em, tt, big, font, code, small, strike, strong, some others that begin alike, but not img. (`a` and
# `nobr` close the one before them.) Alternatives would take four times as long.
_FORMATTING = re.compile(r"<[bceiftsuBCEIFTSU][\s/mtioMTIO](?<!<i[mM])(?<!<I[mM])")

# The attributes of a tag as HTML reads them, up to its end. Possessive: no character is read twice. A value whose
# quote is not closed where the look ends has no end of the tag in it.
_VALUE = r"""(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|(?!["'])[^\s>]*+)"""
_NAME = r"[^\s/>=]*+"
_ATTRIBUTE = rf"[\s/]*+[^\s/>]{_NAME}(?:\s*+=\s*+{_VALUE})?+"
_ATTRIBUTES = rf"(?:{_ATTRIBUTE})*+[\s/]*+>"

# Each state that a parser within a tag can be in, and how it goes on from there.
_STATES = tuple(
    re.compile(state + _ATTRIBUTES)
    for state in (r"", rf"{_NAME}(?:\s*+=\s*+{_VALUE})?+", rf"\s*+{_VALUE}", r"[^\s>]*+")
)
_QUOTED = tuple((quote, re.compile(quote + _ATTRIBUTES)) for quote in "\"'")
# With the spaces after the last attribute: what a look at a tag costs must count, though nothing comes of it.
_TAG = re.compile(rf"<[a-zA-Z]{_NAME}(?:{_ATTRIBUTE})*+[\s/]*+")
_DENSE_TAG = re.compile(rf"<[a-zA-Z]{_NAME}(?:{_ATTRIBUTE}){{{ATTRIBUTES_MOST}}}+")

# A start, unless its tag ends for certain within a few attributes that are written in the plainest way.
_PLAIN = r"""[ \t\n\r\f]++[a-zA-Z][a-zA-Z0-9:_-]{0,40}+(?:="[^"]{0,250}+")?"""
_START = re.compile(rf"<[a-zA-Z](?![a-zA-Z0-9-]{{0,40}}+(?:{_PLAIN}){{0,12}}+[ \t\n\r\f]*+/?>)")


def suspicion(text: str, tags: int | None = None) -> str | None:
    """What could make the page too dear to be parsed outside a process that can be killed; None for nothing.

    `tags` is how often the text has a `<`, for callers that know. It takes about a twentieth of the time of
    parsing; over a million characters it belongs into a thread.
    """
    if tags is None:
        tags = text.count("<")
    if tags > TAGS_MOST:
        return f"{tags} tags"
    if tags > _FEW:
        formatting = len(_FORMATTING.findall(text))
        if formatting * tags > CLONES_MOST:
            return f"{formatting} formatting tags among {tags}"
    if len(text) > TAG_LONGEST and _holds_dense_tag(text):
        return f"a tag of more than {ATTRIBUTES_MOST} attributes"
    return None


def _holds_dense_tag(text: str) -> bool:
    """Whether anything that looks like the start of a tag that may be too long has too many attributes.

    Starts within comments, scripts and values are tried too, since they may hide a real one. If that takes
    more than four looks at each character, the page is up to something.
    """
    left = 4 * len(text)
    for start in _find_starts(text):
        tag = _TAG.match(text, start, start + _TAG_WHOLE)
        length = tag.end() - tag.start() if tag is not None else 0
        if length == _TAG_WHOLE or (length > TAG_LONGEST and _DENSE_TAG.match(text, start)):
            return True
        left -= length
        if left < 0:
            return True
    return False


def _find_starts(text: str) -> Iterator[int]:
    """Where a tag may start that is too long.

    Such a tag covers the whole stretch after the first corner that is not before its start. So where no tag covers
    the stretch after a corner, none that starts between the corner before it and that corner is too long.
    """
    for corner in range(0, len(text) - _REACH, _STRIDE):
        if _may_be_covered(text, corner):
            for start in _START.finditer(text, max(0, corner - _STRIDE), corner + _SEARCH):
                if start.start() <= corner:
                    yield start.start()


def _may_be_covered(text: str, corner: int) -> bool:
    """Whether a tag may cover the stretch after `corner`: a look at one place, under each state that could hold there.

    A tag that does so has, in its true state, no end there that the state's pattern would find.
    """
    # Any place will do; after "</" the end of the tag is near, with no quotes before it.
    place = max(corner, text.find("</", corner, corner + _SEARCH))
    end = place + _REACH
    if not _ends_plainly(text, place, end) and any(s.match(text, place, end) is None for s in _STATES):
        return True
    for quote, closed in _QUOTED:
        at = text.find(quote, place, end)
        if closed.match(text, at, end) is None if at >= 0 else _opens_before(text, quote, place):
            return True
    return False


def _opens_before(text: str, quote: str, place: int) -> bool:
    """Whether a value may begin with the last `quote` before `place`: it follows an equals sign and spaces."""
    at = text.rfind(quote, 0, place)
    before = text[max(0, at - _SPACES_MOST) : max(0, at)]
    return at > 0 and (before.rstrip(" \t\n\r\f") or "=").endswith("=")


def _ends_plainly(text: str, place: int, end: int) -> bool:
    """Whether a tag ends there in whatever state, other than within quotes: no quote stands before the end."""
    close = text.find(">", place, end)
    return close >= 0 and text.find('"', place, close) < 0 and text.find("'", place, close) < 0
