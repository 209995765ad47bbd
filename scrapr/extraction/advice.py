"""What is odd about selectors and what they found, told to the one who wrote them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scrapr.extraction import generated, language
from scrapr.model.item import JSON

_COUNTED = re.compile(r":nth-(?:last-)?(?:child|of-type)\(")
_COUNTED_BUT_CELLS = re.compile(r"(?<!td)(?<!th)(?<!dd):nth-(?:last-)?(?:child|of-type)\(")
"""A cell is counted by its column, which is what a table is read by."""
_CLASS = re.compile(r"\.((?:[\w-]|\\.)+)")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'|\[[^\]]*\]")
_TBODY = re.compile(r"(?:^|[\s>])tbody\b")
_LONG_CHAIN = 5


def advise(
    selector: JSON,
    scope: str | None,
    paginate: str | None,
    *,
    items: Sequence[Mapping[str, Any]],
    matches: Mapping[str, int],
    unconverted: Mapping[str, int],
) -> list[str]:
    """One sentence for each oddity: selectors that look copied, that matched nothing, fields that are half empty."""
    written = [*strings(selector, ""), ("scope", scope), ("paginate", paginate)]
    return [
        *(
            f"{path or 'the selector'} {problem}: {text}"
            for path, text in written
            if text is not None
            for problem in (look_copied(text), look_generated(text))
            if problem is not None
        ),
        *(f"{name} matched nothing" for name, count in matches.items() if not count),
        *_half_empty(items, matches),
        *(f"{name}: {_unread(name, count, matches)}" for name, count in unconverted.items()),
    ]


def _unread(name: str, count: int, matches: Mapping[str, int]) -> str:
    """What was lost under a name: values of a field, scripts of JSON-LD, or a part of the page itself."""
    if name.endswith("@jsonld"):
        return f"{count} JSON-LD script{'' if count == 1 else 's'} could not be read and gave nothing"
    if name == "source" and name not in matches:
        return "is no JSON, or XML that is broken or breaks off; what could be read of it counts"
    return f"{count} value{'' if count == 1 else 's'} could not be converted"


def look_copied(text: str) -> str | None:
    """What in a selector comes from a browser's tree rather than from thought, if something does."""
    if language.is_path(text):
        return None
    css = text[: language.find_end(text)]
    if len(_COUNTED.findall(css)) > 1 or (_COUNTED_BUT_CELLS.search(css) and css.count(">") > 1):
        return "counts elements, as copied from a browser; a class or an attribute lasts longer"
    if _TBODY.search(css):
        return "names tbody, as copied from a browser; table > tr finds the rows, too"
    if css.count(">") >= _LONG_CHAIN:
        return "is a long chain, as copied from a browser; a class or an attribute lasts longer"
    return None


def look_generated(text: str) -> str | None:
    """Which class in a selector a build seems to have made up, if one does."""
    if language.is_path(text):
        return None
    names = _CLASS.findall(_QUOTED.sub("", text[: language.find_end(text)]))
    made_up = next(filter(generated.is_generated, names), None)
    if made_up is None:
        return None
    return f"names .{made_up}, which looks generated; it changes when the site is built anew"


def strings(selector: JSON, path: str) -> Iterator[tuple[str, str]]:
    """All selector strings, each with the name of its field."""
    if isinstance(selector, str):
        yield path, selector
    elif isinstance(selector, list):
        for part in selector:
            yield from strings(part, path)
    elif isinstance(selector, dict):
        for name, part in selector.items():
            inner = path if name == "$select" else f"{path}.{name}" if path else name
            yield from strings(part, inner)


def _half_empty(items: Sequence[Mapping[str, Any]], matches: Mapping[str, int]) -> Iterator[str]:
    fields = dict.fromkeys(name for item in items for name in item)
    for name in fields:
        empty = sum(item.get(name) in ("", None, [], {}) for item in items)
        if empty and 2 * empty >= len(items) and matches.get(name) != 0:
            yield f"{name} is empty in {empty} of {len(items)} items"
