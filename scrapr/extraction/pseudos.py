"""The pseudo-classes that cheerio knows, in lexbor's words."""

from __future__ import annotations

import enum
import re


class Kind(enum.Enum):
    """What stands in a pseudo-class's parentheses."""

    SELECTORS = enum.auto()
    TEXT = enum.auto()
    POSITION = enum.auto()


_STRUCTURE = (
    "first-child",
    "last-child",
    "only-child",
    "first-of-type",
    "last-of-type",
    "only-of-type",
    "root",
    "empty",
)
_TYPES = ("checkbox", "file", "password", "radio", "reset", "image", "submit")

PLAIN: dict[str, str] = {
    **{name: f":{name}" for name in _STRUCTURE},
    **{name: f'[type="{name}"]' for name in _TYPES},
    "link": "[href]",
    "any-link": "[href]",
    "checked": ":is([checked], [selected])",
    "selected": "[selected]",
    "disabled": "[disabled]",
    "enabled": ":not([disabled])",
    "required": "[required]",
    "optional": ":not([required])",
    "parent": ":not(:empty)",
    "header": ":is(h1, h2, h3, h4, h5, h6)",
    "button": ':is(button, input[type="button"])',
    "input": ":is(input, textarea, select, button)",
    "text": ':is(input:not([type]), input[type=""], input[type="text" i])',
}

WITH_ARGUMENT: dict[str, Kind] = {
    **dict.fromkeys(("not", "has", "is", "where", "matches"), Kind.SELECTORS),
    **dict.fromkeys(("contains", "icontains", "lexbor-contains"), Kind.TEXT),
    **dict.fromkeys(("nth-child", "nth-last-child", "nth-of-type", "nth-last-of-type"), Kind.POSITION),
}

RENAMED = {"matches": "is"}

NTH = re.compile(r"\s*(?:odd|even|[+-]?\d{1,9}|[+-]?\d{0,9}n(?:\s*[+-]\s*\d{1,9})?)\s*", re.IGNORECASE)
QUOTED = re.compile(r"""\s*(["'])((?:\\.|(?!\1)[^\\])*)\1\s*\)""", re.DOTALL)

ALLOWED = ", ".join(f":{name}" for name in (*_STRUCTURE, *WITH_ARGUMENT, "header", "checked")) + " …"
