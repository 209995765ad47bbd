"""What a CSS selector is made of, as values that write themselves in lexbor's dialect."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

TEXT_MARK = "scrapr-text-"
"""How the attributes begin that stand for `:contains()`."""

JUMPS = frozenset({" ", "~"})
"""The combinators that leave open how far the next compound is away."""


@dataclass(frozen=True, slots=True)
class Compound:
    """Simple selectors without a combinator between them.

    An element that matches has `tag` (if there is one) and all `labels` (`.next`, `#top`), in lower case here
    because in quirks mode lexbor compares classes without case.
    """

    text: str
    labels: frozenset[str]
    tag: str = ""
    is_scope: bool = False

    @property
    def has_selectors(self) -> bool:
        """Whether it may hold selectors within parentheses; a string that looks like them does no harm."""
        return any(name in self.text for name in (":is(", ":not(", ":has(", ":where("))


@dataclass(frozen=True, slots=True)
class TextTest:
    """`:contains(text)`: elements found by `css` whose text holds `text` get the attribute `mark`.

    Lexbor's own `:lexbor-contains` sees one text node at a time, and none of the descendants'.
    """

    css: str
    text: str
    any_case: bool

    @property
    def mark(self) -> str:
        """The attribute; another test has another one."""
        told = f"{self.css}\0{self.text}\0{self.any_case}".encode()
        return f"{TEXT_MARK}{hashlib.blake2s(told, digest_size=8).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Complex:
    """Compounds, each with the combinator before it (`""` before the first, or a leading `>`)."""

    parts: tuple[tuple[str, Compound], ...]

    def __str__(self) -> str:
        return "".join(f"{_spaced(how)}{compound.text}" for how, compound in self.parts)


def _spaced(combinator: str) -> str:
    return f" {combinator} " if combinator.strip() else combinator
