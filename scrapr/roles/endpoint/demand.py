"""What one request demands of a collection: which items, how many, and as of when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from scrapr.model.validation import parse, refuse_repeated
from scrapr.roles.endpoint import selection
from scrapr.roles.endpoint.formats import kinds
from scrapr.roles.endpoint.formats.kinds import Format
from scrapr.roles.endpoint.query import Shape
from scrapr.roles.endpoint.selection import RESERVED, After, Selection

SELECTING = frozenset({"sort", "fields", "q"})
FEED = 100
"""Items of a feed, if no number is asked for."""


@dataclass(frozen=True)
class Demand:
    """`limit` is None where all are wanted; `at` is a version or a time, None for the present."""

    selection: Selection
    after: After | None = None
    limit: int | None = None
    at: int | datetime | None = None

    @property
    def first(self) -> bool:
        """Whether it is the beginning of all items, which many ask for."""
        return self.selection.plain and not self.selection.fields and self.after is None


def read(asked: Sequence[tuple[str, str]], shape: Shape, chosen: Format) -> Demand:
    """The demand of a query's parameters, of which filters alone may come more than once. Raises `Invalid`."""
    refuse_repeated(name for name, _ in asked if name in RESERVED)
    wanted = selection.read(each for each in asked if each[0] not in RESERVED or each[0] in SELECTING)
    if chosen is kinds.RSS and wanted.plain:
        wanted = replace(wanted, newest=True)
    reserved = {name: text for name, text in asked if name in RESERVED}
    after: After | None = None
    if (wanted.sort or wanted.ranked) and "cursor" in reserved:
        after = selection.read_cursor(wanted, reserved.pop("cursor"))
    wish = parse(shape.wish if chosen is kinds.JSON else shape.document, reserved)
    if wish.cursor is not None:
        after = After((), wish.cursor)
    limit = FEED if chosen is kinds.RSS and wish.limit is None else wish.limit
    return Demand(wanted, after, limit, wish.at)
