"""Which elements a selector means, given where it starts: X-Ray's rules for scopes, fields and lists.

A finder takes a page and a place and gives, for each element of the place, the element (or list of elements) that
is meant. The place of the whole document has one element, its root.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from scrapr.extraction.jsonpath import Path
from scrapr.extraction.page import Page
from scrapr.extraction.place import Node, Place
from scrapr.extraction.query import Query
from scrapr.extraction.search import all_at_or_below, all_below, first_at_or_below, first_below
from scrapr.extraction.sources import Source

FindFirst = Callable[[Page, Place], list[Any]]
FindAll = Callable[[Page, Place], list[list[Any]]]


@dataclass(frozen=True, slots=True)
class Start:
    """Where selectors start: in a document or in elements, and under which scope."""

    document: bool = True
    scope: Query | Path | Source | None = None
    at_scope: bool = False
    """The elements are those that `scope` found."""
    in_values: bool = False
    """What they start from is values of JSON, not elements."""

    @property
    def query(self) -> Query | None:
        """The scope where it is CSS."""
        return self.scope if isinstance(self.scope, Query) else None

    @property
    def gives_values(self) -> bool:
        """Whether what is within the scope is JSON."""
        return self.in_values or isinstance(self.scope, Path | Source)


def first(start: Start, css: Query | None) -> FindFirst:
    """The one element that `css` means; without `css`, the scope's own."""
    if css is None:
        return _own(start)
    scope = start.query
    if scope is None:
        return _first_in_document(css) if start.document else lambda _, place: first_at_or_below(place, css)
    if start.at_scope:
        return lambda _, place: first_below(place, css)
    scopes = _scopes(start, scope)
    return lambda page, place: [_first_of(within, css) for within in scopes(page, place)]


def every(start: Start, css: Query | None) -> FindAll:
    """All elements that `css` means, over all scopes; without `css`, the scopes' own."""
    if css is None:
        return _all_own(start)
    scope = start.query
    if scope is None:
        if start.document:
            return lambda page, place: [page.everywhere(css) for _ in place.nodes]
        return lambda _, place: all_at_or_below(place, css)
    if start.at_scope:
        return lambda _, place: all_at_or_below(place, css)
    scopes = _scopes(start, scope)
    return lambda page, place: [
        list(chain.from_iterable(all_at_or_below(within, css))) for within in scopes(page, place)
    ]


def scopes(start: Start) -> FindAll:
    """The elements of which each gives one object of a collection."""
    query = start.query
    if query is None:
        return lambda _, place: [[] for _ in place.nodes]
    if start.document:
        return lambda page, place: [list(page.scope(query).nodes) for _ in place.nodes]
    return lambda _, place: all_below(place, query)


def _first_in_document(css: Query) -> FindFirst:
    return lambda page, place: [page.first(css) for _ in place.nodes]


def _first_of(place: Place, css: Query) -> Node | None:
    return next((node for node in first_below(place, css) if node is not None), None)


def _scopes(start: Start, scope: Query) -> Callable[[Page, Place], list[Place]]:
    if start.document:
        return lambda page, place: [page.scope(scope) for _ in place.nodes]
    return lambda _, place: [Place(nodes) for nodes in all_at_or_below(place, scope)]


def _own(start: Start) -> FindFirst:
    scope = start.query
    if start.document:
        if scope is None:
            return lambda _, place: [None for _ in place.nodes]
        return _first_in_document(scope)
    if scope is None or start.at_scope:
        return lambda _, place: list(place.nodes)
    return lambda _, place: first_at_or_below(place, scope)


def _all_own(start: Start) -> FindAll:
    scope = start.query
    if scope is None:
        if start.document:
            return lambda _, place: [[] for _ in place.nodes]
        return lambda _, place: [[node] for node in place.nodes]
    if start.document:
        return lambda page, place: [list(page.scope(scope).nodes) for _ in place.nodes]
    if start.at_scope:
        return lambda _, place: [[node] for node in place.nodes]
    return lambda _, place: all_at_or_below(place, scope)
