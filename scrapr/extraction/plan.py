"""Compiled selectors: each part knows how to find its values for all elements of a place at once.

Column by column instead of item by item: what a selector needs to know of a page is looked up once for all items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Protocol

from scrapr.extraction.filters import Filter
from scrapr.extraction.finding import FindAll, FindFirst
from scrapr.extraction.page import Page
from scrapr.extraction.place import Place
from scrapr.extraction.reading import Reading
from scrapr.extraction.values import MISSING, compact
from scrapr.model.errors import TooLarge

if TYPE_CHECKING:
    from scrapr.extraction.rules import Rules

MAX_ELEMENTS = 200_000
"""Elements that one selector may find on a page."""


class Plan(Protocol):
    """A compiled selector."""

    def values(self, page: Page, place: Place) -> list[Any]:
        """Its value for each element of `place`."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """Stands where a selector could not be compiled; no rules that hold it are ever used."""

    def values(self, page: Page, place: Place) -> list[Any]:  # noqa: ARG002 -- the protocol's
        return [MISSING for _ in place.nodes]


@dataclass(frozen=True, slots=True)
class Single:
    """`"css@attribute"`: the first match."""

    path: str
    find: FindFirst
    read: Reading
    filters: tuple[Filter, ...]
    attribute: str

    def values(self, page: Page, place: Place) -> list[Any]:
        page.begin()
        found = self.find(page, place)
        page.matches[self.path] += len(found) - found.count(None)
        values = self.read(page, found)
        for apply in self.filters:
            values = apply(values, page, self.path)
        return values


@dataclass(frozen=True, slots=True)
class Many:
    """`["css@attribute"]`: all matches."""

    path: str
    find: FindAll
    read: Reading
    filters: tuple[Filter, ...]
    whole: tuple[Filter, ...]
    """Filters for the list as a whole, from the first `join` on."""

    def values(self, page: Page, place: Place) -> list[Any]:
        page.begin()
        found = self.find(page, place)
        flat = list(chain.from_iterable(found))
        _count(page, self.path, len(flat))
        values = self.read(page, flat)
        for apply in self.filters:
            values = apply(values, page, self.path)
        lists: list[Any] = split([None if value is MISSING else value for value in values], found)
        for apply in self.whole:
            lists = apply(lists, page, self.path)
        return lists


@dataclass(frozen=True, slots=True)
class Object:
    """`{"name": …}`: an object without the fields that are empty."""

    fields: tuple[tuple[str, Plan], ...]

    def values(self, page: Page, place: Place) -> list[Any]:
        new = page.new_object
        objects = [new() for _ in place.nodes]
        for name, plan in self.fields:
            for made, value in zip(objects, plan.values(page, place), strict=True):
                if value is not MISSING and value != "":
                    made[name] = value
        return objects


@dataclass(frozen=True, slots=True)
class Collection:
    """`[{…}]` or `[[…]]`: one value for each element of the scope, without the empty ones."""

    path: str
    find: FindAll
    part: Plan

    def values(self, page: Page, place: Place) -> list[Any]:
        found = self.find(page, place)
        flat = Place(list(chain.from_iterable(found)))
        _count(page, self.path, len(flat.nodes))
        values = split(self.part.values(page, flat), found)
        return [page.new_list(compact(value)) for value in values]


@dataclass(frozen=True, slots=True)
class Followed:
    """`{"$follow": …}`: what `rules` find on the page behind a link."""

    link: Single
    rules: Rules

    def values(self, page: Page, place: Place) -> list[Any]:
        return [page.follow(link, self.rules) for link in self.link.values(page, place)]


def split(values: list[Any], like: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """`values` in lists as long as those of `like`."""
    rest = iter(values)
    return [list(islice(rest, len(part))) for part in like]


def _count(page: Page, path: str, found: int) -> None:
    page.matches[path] += found
    page.begin(found)
    if found > MAX_ELEMENTS:
        raise TooLarge(f"The selector at {path} finds more than {MAX_ELEMENTS:,} elements on one page")


def parts(plan: Plan) -> list[Plan]:
    """`plan` and all plans within it, the outermost first; not those of followed pages."""
    if isinstance(plan, Object):
        return [plan, *(part for _, each in plan.fields for part in parts(each))]
    if isinstance(plan, Collection):
        return [plan, *parts(plan.part)]
    return [plan]
