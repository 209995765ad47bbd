"""Names in a query that the collection never had: most are misspelt, and would find nothing without a word."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from scrapr.model.collection import near
from scrapr.model.errors import FieldError, Invalid
from scrapr.roles.endpoint.selection import RESERVED, Selection

LISTED = 30


def check(selection: Selection, known: Collection[str], *, parameters: Iterable[str] = ()) -> None:
    """Raise `Invalid` where the selection names fields that are not `known`; where none is, nothing can be said.

    `parameters` are the query's names: who wrote one that is no field may have meant a word of ours.
    """
    unknown = sorted(selection.names.difference(known)) if known else []
    if unknown:
        written = set(parameters)
        raise Invalid(*(_fault(name, known, reserved=name in written) for name in unknown))


def _fault(name: str, known: Collection[str], *, reserved: bool) -> FieldError:
    words = near(name, RESERVED)[:1] if reserved else []
    meant = [*words, *(each for each in near(name, known) if each not in words)]
    hint = f"; did you mean {' or '.join(meant)}?" if meant else ""
    fields = sorted(known)
    more = f", and {len(fields) - LISTED} more" if len(fields) > LISTED else ""
    return FieldError(
        field=name[:100],
        problem=f"is no field that any item had{hint}",
        allowed=", ".join(fields[:LISTED]) + more,
    )
