"""What a query with inputs asks for: which inputs, and which page of what is found for them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from scrapr.model.collection import near
from scrapr.model.errors import FieldError, Invalid
from scrapr.model.validation import parse
from scrapr.roles.endpoint.query import Shape, Wish

PREFIX = "input."
"""How the names of inputs begin in a query."""
ELSEWHERE = frozenset({"sort", "fields", "q", "at", "format"})
MISPLACED = "is answered of a collection, not of items for inputs"


def given(asked: Mapping[str, str]) -> dict[str, str]:
    """The inputs in a query; none where it is about the collection itself."""
    return {name.removeprefix(PREFIX): value for name, value in asked.items() if name.startswith(PREFIX)}


def read(asked: Mapping[str, str], shape: Shape) -> Wish:
    """The page that a query with inputs asks for. Raises `Invalid` with every parameter that is wrong."""
    words = [name for name in shape.wish.model_fields if name not in ELSEWHERE]
    faults = [*_misplaced(asked, words)]
    try:
        wish = parse(shape.wish, {name: asked[name] for name in words if name in asked})
    except Invalid as error:
        raise Invalid(*faults, *error.fields) from error
    if faults:
        raise Invalid(*faults)
    return wish


def _misplaced(asked: Iterable[str], words: list[str]) -> Iterator[FieldError]:
    """What has no place beside inputs; `words` have."""
    allowed = ", ".join([*words, f"{PREFIX}*"])
    for name in asked:
        if name in words or name.startswith(PREFIX):
            continue
        meant = near(name, words)[:1]
        hint = f"is not a known field; did you mean {meant[0]}?" if meant else "is not a known field"
        problem = MISPLACED if name in ELSEWHERE else hint
        yield FieldError(field=name[:100], problem=problem, allowed=allowed)
