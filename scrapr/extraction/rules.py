"""The selectors of a configuration, compiled once for many pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import orjson

from scrapr.extraction import filters
from scrapr.extraction.compiler import Compiler
from scrapr.extraction.filters import Definition
from scrapr.extraction.finding import Start
from scrapr.extraction.jsonpath import Path
from scrapr.extraction.page import Page
from scrapr.extraction.plan import Collection, Followed, Object, Plan, Single, parts
from scrapr.extraction.query import Query
from scrapr.extraction.sources import Source
from scrapr.extraction.values import MISSING
from scrapr.model.errors import Invalid
from scrapr.model.item import JSON

RULES_KEPT = 1024
"""Rules that are kept once they are compiled, of 10 kB each; those of long selectors are not."""
KEPT_LONGEST = 4000
"""Bytes of JSON."""


@dataclass(frozen=True, eq=False)
class Rules:
    """What `extract` goes by: equal and hashed by identity, kept for many pages, pickled freely."""

    selector: JSON
    scope: str | None
    paginate: str | None
    plan: Plan = field(repr=False)
    scope_query: Query | Path | Source | None = field(repr=False)
    next_link: Single | None = field(repr=False)
    demanding: tuple[Query, ...] = field(repr=False)
    """Queries that a page must be made ready for before they are applied, or that cost more than others."""
    reads_json: bool = field(default=False, repr=False)
    """Some of the selectors are for pages that are JSON."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Compiled parts stay at home; the other process compiles again."""
        return _compile_again, (self.selector, self.scope, self.paginate)

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields of an item; `value` alone where items are no objects."""
        plan = self.plan.part if isinstance(self.plan, Collection) else self.plan
        if isinstance(plan, Followed):
            return plan.rules.fields
        return tuple(name for name, _ in plan.fields) if isinstance(plan, Object) else ("value",)

    @cached_property
    def is_steep(self) -> bool:
        """On deep pages some of the selectors take a time out of all proportion."""
        return any(each.is_steep for each in self.demanding)

    @cached_property
    def has_follows(self) -> bool:
        """Some of the values are on other pages."""
        return any(isinstance(part, Followed) for part in parts(self.plan))

    @cached_property
    def on_nothing(self) -> Any:
        """The value for a page that is not there."""
        nothing = Page("", "")
        return next(iter(self.plan.values(nothing, nothing.document)), MISSING)


def compile_rules(
    selector: JSON, *, scope: str | None = None, paginate: str | None = None, field: str = "scraper"
) -> Rules:
    """Compile the selectors of a configuration; `field` is where they stand in the body that errors speak of.

    Raises `Invalid` naming every wrong selector, with the offset of its first wrong character.
    """
    return compile_with(filters.TABLE, selector, scope=scope, paginate=paginate, field=field)


def kept_rules(selector: JSON, *, scope: str | None = None, paginate: str | None = None) -> Rules:
    """As `compile_rules`, which takes as long as reading a short page: for selectors that come again and again."""
    told = orjson.dumps([selector, scope, paginate])
    return _compile_told(told) if len(told) <= KEPT_LONGEST else _compile_again(selector, scope, paginate)


@lru_cache(maxsize=RULES_KEPT)
def _compile_told(told: bytes) -> Rules:
    return _compile_again(*orjson.loads(told))


def compile_with(
    table: Mapping[str, Definition],
    selector: JSON,
    *,
    scope: str | None = None,
    paginate: str | None = None,
    field: str = "scraper",
) -> Rules:
    """As `compile_rules`, with other filters than the built-in ones."""
    compiler = Compiler(table, _make_rules)
    rules = compiler.rules(selector, scope, paginate, field)
    if compiler.problems:
        raise Invalid(*compiler.problems)
    return rules


def _make_rules(
    selector: Any,
    scope: str | None,
    paginate: str | None,
    plan: Plan,
    start: Start,
    next_link: Single | None,
    demanding: tuple[Query, ...],
    *,
    reads_json: bool,
) -> Rules:
    return Rules(selector, scope, paginate, plan, start.scope, next_link, demanding, reads_json)


def _compile_again(selector: JSON, scope: str | None, paginate: str | None) -> Rules:
    return compile_rules(selector, scope=scope, paginate=paginate)
