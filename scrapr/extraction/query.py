"""A CSS selector made ready: how lexbor finds it in a document, and below one element as cheerio would.

Cheerio looks for `a b` below an element as if `:scope` stood before it: neither the element itself nor anything
outside is found, and what is outside is no `a` either. Lexbor starts at the element itself and lets `a` be any of its
ancestors. Most selectors of most pages cannot tell the two apart, which `Query` knows by the names in them; for
the others the element is marked with an attribute that `below` asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scrapr.extraction import css
from scrapr.extraction.css import Complex, Compound

MARK = "scrapr-scope"
"""The attribute that the element below which `Query.below` looks must carry meanwhile."""
_MARKED = Compound(f"[{MARK}]", frozenset())
_TBODY = Compound("tbody", frozenset(), "tbody")
_TABLE_PARTS = frozenset({"", "table"})


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A selector list for lexbor."""

    source: str
    everywhere: str
    """In a whole document."""
    below: str
    """Below the element that carries `MARK`."""
    repeats: bool
    """Lexbor may report an element twice."""
    always_below: bool
    """The names tell nothing: only `below` is right below an element."""
    subjects: tuple[Compound, ...]
    """The last compound of each alternative: it is what is found."""
    single: tuple[Compound, ...]
    """The only compound of alternatives that have no other: the starting element itself could match these."""
    outer: tuple[Compound, ...]
    """The other compounds: the starting element's ancestors could match these."""


def prepare(text: str, offset: int = 0) -> Query:
    """Read a CSS selector; positions of problems are counted from `offset` before it.

    Raises `SyntaxProblem`.
    """
    written = css.parse(text, offset)
    alternatives = [tabled for found in written for tabled in _with_tbody(found)]
    outers = [part for found in alternatives for _, part in found.parts[:-1]]
    return Query(
        source=text,
        everywhere=", ".join(str(_in_document(found)) for found in alternatives),
        below=", ".join(str(marked) for found in alternatives for marked in _below_mark(found)),
        repeats=len(alternatives) > 1,
        always_below=any(
            how in {"+", "~"} or (not at and how)
            for found in alternatives
            for at, (how, _) in enumerate(found.parts)
        ),
        subjects=tuple(found.parts[-1][1] for found in alternatives),
        single=tuple(found.parts[0][1] for found in alternatives if len(found.parts) == 1),
        outer=tuple(outers),
    )


def _with_tbody(found: Complex) -> Iterator[Complex]:
    """`table > tr` as written, and as HTML5 parses tables: with a tbody between."""
    yield found
    for at in range(1, len(found.parts)):
        how, row = found.parts[at]
        if how == ">" and row.tag == "tr" and found.parts[at - 1][1].tag in _TABLE_PARTS:
            yield Complex((*found.parts[:at], (">", _TBODY), *found.parts[at:]))


def _in_document(found: Complex) -> Complex:
    how, first = found.parts[0]
    if not how:
        return found
    return Complex((("", _adding(first, ":root")), *found.parts[1:]))


def _below_mark(found: Complex) -> Iterable[Complex]:
    """The element found is below the marked one, which may itself be the first of several compounds."""
    how, first = found.parts[0]
    yield Complex((("", _MARKED), (how or " ", first), *found.parts[1:]))
    if not how and len(found.parts) > 1:
        yield Complex((("", _adding(first, _MARKED.text)), *found.parts[1:]))


def _adding(compound: Compound, text: str) -> Compound:
    return Compound(compound.text + text, compound.labels, compound.tag)
