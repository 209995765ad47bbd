"""Class names that a build makes up: they change whenever a site is built anew."""

from __future__ import annotations

import re
from collections.abc import Sequence

_PREFIXED = re.compile(r"(?:css-[a-z0-9]{5,8}(?:-.*)?|(?:.+-)?(?:sc|svelte|astro)-[A-Za-z0-9]{5,8}(?:-\d+)?)")
_COMPONENT = re.compile(r"(?:.+-)?sc-[A-Za-z0-9]{5,8}(?:-\d+)?")
_COMPANION = re.compile(r"[A-Za-z]{5,7}")
"""styled-components writes a second class beside `sc-…`, which may look like a word."""
_MODULE = re.compile(
    r"([A-Za-z][A-Za-z0-9-]*_[A-Za-z][\w-]*?__|[a-z][a-z0-9-]*?--[A-Za-z]\w*?--)([\w-]{5,8})"
)
_UNWORDLY = re.compile(r"\d[A-Za-z]+\d")
_LONGEST_MIXED = 8


def is_generated(name: str) -> bool:
    """Whether a class name looks made up by a build, all of it or its end."""
    return (
        _PREFIXED.fullmatch(name) is not None
        or bool(stem(name))
        or re.match(r"_\d", name) is not None
        or any(_is_hash(part) for part in re.split(r"[-_]+", name))
    )


def among(names: Sequence[str]) -> list[str]:
    """Those of an element's class names that look made up."""
    has_component = any(_COMPONENT.fullmatch(name) for name in names)
    return [name for name in names if is_generated(name) or (has_component and _COMPANION.fullmatch(name))]


def stem(name: str) -> str:
    """What a CSS module's class keeps when it is built anew: `Item_root__` of `Item_root__3kD9f`; else nothing."""
    found = _MODULE.fullmatch(name)
    return found[1] if found is not None and re.search(r"[A-Z0-9]", found[2]) else ""


def _is_hash(part: str) -> bool:
    """Digits between letters, or capitals where words would have none; `isOpen` and `mp3player` are words."""
    if len(part) < 5:
        return False
    if _UNWORDLY.search(part):
        return True
    capitals = sum(letter.isupper() for letter in part[1:])
    return (
        part.isalpha()
        and not part.isupper()
        and len(part) <= _LONGEST_MIXED
        and 2 * (capitals + 1) >= len(part)
    )
