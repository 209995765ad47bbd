"""Numbers out of text, by a locale's signs; what could be read in two ways is not read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

GREATEST = 2**53 - 1
"""The greatest whole number that every JSON reader takes exactly."""
MAX_DIGITS = 16

_WIDE = " \u00a0\u202f\u2009"
_FIXED = "\u00a0\u202f\u2009"
_SIGNED = re.compile(r"(?:^|[^\w.,])([-+\u2212])[€$£¥₹]?$|(?:^|[^\w.,])([-+\u2212])[€$£¥₹][ \u00a0]$")
_MULTIPLIED = re.compile(
    r"[ \u00a0]?(?:[kKMB]|(?i:mn|bn|tn|mio|mill?|mrd|tsd|lakh|crore|thousand|[mbtr]+illi(?:on|ard)\w*))(?!\w)"
)
"""What makes a number thousands of times as much: 10k, 1.2 M, 3 million, 2 Mrd."""


@dataclass(frozen=True)
class Style:
    """How a locale writes numbers."""

    point: str
    groups: str
    """The signs that may stand between groups of three digits."""

    @cached_property
    def candidate(self) -> re.Pattern[str]:
        """Whatever looks like a number, well formed or not."""
        spaces = "".join(sign for sign in self.groups if sign in _WIDE)
        return re.compile(rf"(?:(?<![\w.,]){re.escape(self.point)})?[0-9](?:[0-9.,'’{spaces}]*[0-9])?")

    @cached_property
    def well_formed(self) -> re.Pattern[str]:
        group, point = f"[{re.escape(self.groups)}]", re.escape(self.point)
        return re.compile(
            rf"([0-9]{{1,3}}(?:({group})[0-9]{{3}}(?:\2[0-9]{{3}})*)|[0-9]+)?(?:{point}([0-9]+))?"
        )


PLAIN = Style(".", ",")
_COMMA = Style(",", "." + _FIXED)
_COMMA_SPACE = Style(",", "." + _WIDE)
_SWISS = Style(".", "'’")

STYLES: dict[str, Style] = {
    **dict.fromkeys(("en", "en-US", "en-GB", "ja", "zh", "ko", "he", "th"), PLAIN),
    **dict.fromkeys(
        ("de", "de-DE", "es", "it", "nl", "da", "el", "id", "tr", "pt-BR", "hr", "sl", "ro"), _COMMA
    ),
    **dict.fromkeys(
        ("fr", "pt", "ru", "uk", "pl", "cs", "sk", "bg", "fi", "sv", "nb", "hu", "de-AT"), _COMMA_SPACE
    ),
    **dict.fromkeys(("de-CH", "fr-CH", "it-CH"), _SWISS),
}
"""Locales whose numbers can be read."""


def read(text: str, style: Style) -> int | float:
    """The only number in `text`, as 1234.5 of "1.234,50 €".

    Raises `ValueError` if there is none, more than one, one with its signs in wrong places (so that it could be
    meant otherwise), one that a word after it multiplies, or one that JSON cannot carry exactly.
    """
    found = list(islice(style.candidate.finditer(text), 2))
    well_formed = style.well_formed.fullmatch(found[0].group()) if len(found) == 1 else None
    if well_formed is None or _MULTIPLIED.match(text, found[0].end()):
        raise ValueError(text)
    whole, group, fraction = well_formed.groups()
    digits = (whole or "0").replace(group, "") if group else whole or "0"
    if len(digits) > MAX_DIGITS:
        raise ValueError(text)
    number = int(digits) if fraction is None else float(f"{digits}.{fraction}")
    if abs(number) > GREATEST:
        raise ValueError(text)
    return -number if _is_negative(text[: found[0].start()]) else number


def _is_negative(before: str) -> bool:
    found = _SIGNED.search(before[-4:])
    return found is not None and (found.group(1) or found.group(2)) != "+"
