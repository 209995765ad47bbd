"""A CSS selector made ready: how lexbor finds it in a document, and below one element as cheerio would.

Cheerio looks for `a b` below an element as if `:scope` stood before it: neither the element itself nor anything
outside is found, and what is outside is no `a` either. Lexbor starts at the element itself and lets `a` be any of its
ancestors. Most selectors of most pages cannot tell the two apart, which `Query` knows by the names in them; for
the others the element is marked with an attribute that `below` asks for.

Lexbor also tries every way to place the ancestors of `a b c d`, which takes days on a page nested deeply enough, and
for `:not(a) b` it tries the nearest ancestor alone. Such selectors are found in stages: `a`, below it `b`, and so on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scrapr.extraction import css
from scrapr.extraction.compounds import JUMPS, Complex, Compound, TextTest

MARK = "scrapr-scope"
"""The attribute that the element below which `Query.below` looks must carry meanwhile."""
MAX_AT_ONCE = 1
"""Spaces and `~` that lexbor is given in one go."""

_MARKED = Compound(f"[{MARK}]", frozenset())
_TBODY = Compound("tbody", frozenset(), "tbody")
_TABLE_PARTS = frozenset({"", "table"})


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a selector between its descendant combinators."""

    everywhere: str
    below: str
    """Below the element that carries `MARK`, or beside it; the first stage may begin at that element."""
    is_beside: bool
    """It follows the stage before it by `~`."""


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A selector list for lexbor; compared by identity."""

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
    stages: tuple[tuple[Stage, ...], ...]
    """For each alternative its stages, where lexbor is not to be given the whole; else nothing."""
    texts: tuple[TextTest, ...]
    """The texts to look for before the selector can be applied."""
    is_steep: bool
    """Lexbor's time grows with the cube of how deep elements are nested."""
    counts_siblings: bool
    """Lexbor's time grows with the square of the number of siblings."""


def prepare(text: str, offset: int = 0) -> Query:
    """Read a CSS selector; positions of problems are counted from `offset` before it.

    Raises `SyntaxProblem`.
    """
    written = css.parse(text, offset)
    alternatives = [tabled for found in written.alternatives for tabled in _with_tbody(found)]
    everywhere = ", ".join(str(_in_document(found)) for found in alternatives)
    return Query(
        source=text,
        everywhere=everywhere,
        below=", ".join(str(marked) for found in alternatives for marked in _below_mark(found)),
        repeats=len(alternatives) > 1,
        always_below=any(_is_beside(found) for found in alternatives),
        subjects=tuple(found.parts[-1][1] for found in alternatives),
        single=tuple(found.parts[0][1] for found in alternatives if len(found.parts) == 1),
        outer=tuple(part for found in alternatives for _, part in found.parts[:-1]),
        stages=tuple(map(_stages, alternatives)) if any(map(_needs_stages, alternatives)) else (),
        texts=written.texts,
        is_steep=written.is_steep,
        counts_siblings="~" in everywhere.replace("~=", "") or ":nth-" in everywhere,
    )


def _is_beside(found: Complex) -> bool:
    return any(how in {"+", "~"} for how, _ in found.parts) or bool(found.parts[0][0])


def _needs_stages(found: Complex) -> bool:
    jumps = sum(how in JUMPS for how, _ in found.parts)
    return jumps > MAX_AT_ONCE or (jumps > 0 and any(part.has_selectors for _, part in found.parts[:-1]))


def _stages(found: Complex) -> tuple[Stage, ...]:
    starts = [at for at, (how, _) in enumerate(found.parts) if how in JUMPS or not at]
    pieces = [found.parts[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]
    return tuple(_stage(piece, begins=not at and len(pieces) > 1) for at, piece in enumerate(pieces))


def _stage(piece: tuple[tuple[str, Compound], ...], *, begins: bool) -> Stage:
    how, first = piece[0]
    if how == "~":
        return Stage("", str(Complex((("", _MARKED), *piece))), is_beside=True)
    bare = Complex(((how.strip(), first), *piece[1:]))
    below = _below_mark(bare, begins=begins) if begins else [_below_only(bare)]
    return Stage(str(_in_document(bare)), ", ".join(map(str, below)), is_beside=False)


def _with_tbody(found: Complex) -> Iterator[Complex]:
    """`table > tr` as written, and as HTML5 parses tables: with a tbody between."""
    yield found
    for at, (how, row) in enumerate(found.parts):
        if how == ">" and row.tag == "tr" and (not at or found.parts[at - 1][1].tag in _TABLE_PARTS):
            yield Complex((*found.parts[:at], (">", _TBODY), *found.parts[at:]))


def _in_document(found: Complex) -> Complex:
    how, first = found.parts[0]
    if not how:
        return found
    return Complex((("", _adding(first, ":root")), *found.parts[1:]))


def _below_only(found: Complex) -> Complex:
    """All of the selector is below the marked element."""
    how, first = found.parts[0]
    return Complex((("", _MARKED), (how or " ", first), *found.parts[1:]))


def _below_mark(found: Complex, *, begins: bool = False) -> Iterable[Complex]:
    """The element found is below the marked one, which may itself be the first of several compounds.

    `begins`: it may be the only compound too, because others follow in later stages.
    """
    yield _below_only(found)
    how, first = found.parts[0]
    if not how and (begins or len(found.parts) > 1):
        yield Complex((("", _adding(first, _MARKED.text)), *found.parts[1:]))


def _adding(compound: Compound, text: str) -> Compound:
    return Compound(compound.text + text, compound.labels, compound.tag)
