"""Names and strings in CSS: read with their escapes, and written so that any parser reads the same."""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})[ \t\r\n\f]?|(.))", re.DOTALL)
_PLAIN = re.compile(r"-?[A-Za-z_\u00a0-\U0010ffff][\w\-\u00a0-\U0010ffff]*")


def unescape(text: str) -> str:
    """Take CSS escapes out of `text`."""

    def character(found: re.Match[str]) -> str:
        if found.group(1) is None:
            return str(found.group(2))
        code = int(found.group(1), 16)
        return "\ufffd" if not 0 < code <= 0x10FFFF or 0xD800 <= code < 0xE000 else chr(code)

    return _ESCAPE.sub(character, text) if "\\" in text else text


def identifier(name: str) -> str:
    """Write a name so that any CSS parser reads it as one."""
    if _PLAIN.fullmatch(name):
        return name
    return "".join(
        sign if sign in {"_", "-"} or (sign.isalnum() and (at or not sign.isdigit())) else f"\\{ord(sign):x} "
        for at, sign in enumerate(name)
    )


def string(text: str) -> str:
    """Write a CSS string."""
    return '"' + re.sub(r'["\\\x00-\x1f\x7f]', lambda found: f"\\{ord(found.group()):x} ", text) + '"'
