"""Which values of JSON a selector means, given where it starts; the same rules as for elements."""

from __future__ import annotations

from itertools import chain

from scrapr.extraction.finding import FindAll, FindFirst, Start
from scrapr.extraction.jsonpath import Path
from scrapr.extraction.page import Page
from scrapr.extraction.place import Place, Value
from scrapr.extraction.sources import Source


def first(start: Start, path: Path) -> FindFirst:
    """The first value that `path` means."""
    contexts = _contexts(start)

    def find(page: Page, place: Place) -> list[Value | None]:
        return [
            next((Value(found) for each in within for found in path.find(each.value)), None)
            for within in contexts(page, place)
        ]

    return find


def every(start: Start, path: Path) -> FindAll:
    """All values that `path` means, over all scopes."""
    contexts = _contexts(start)

    def find(page: Page, place: Place) -> list[list[Value]]:
        return [
            [Value(found) for each in within for found in path.find(each.value)]
            for within in contexts(page, place)
        ]

    return find


def scopes(start: Start) -> FindAll:
    """The values of which each gives one object of a collection."""
    scope = start.scope
    if isinstance(scope, Source):
        return lambda page, place: [list(page.structured(scope, each)) for each in place.nodes]
    if not isinstance(scope, Path):
        return lambda _, place: [[] for _ in place.nodes]
    if start.document:
        return lambda page, place: [list(page.values(scope)) for _ in place.nodes]
    return lambda _, place: [[Value(found) for found in scope.find(each.value)] for each in place.nodes]


def count(page: Page, scope: Path | Source) -> int:
    """How many values a scope finds in the whole page."""
    return len(list(chain.from_iterable(scopes(Start(scope=scope))(page, page.document))))


def _contexts(start: Start) -> FindAll:
    if start.at_scope or (start.in_values and start.scope is None):
        return lambda _, place: [[each] for each in place.nodes]
    if start.scope is None:
        return lambda page, place: [page.json for _ in place.nodes]
    return scopes(start)
