"""From a configuration's JSON to plans, noting every problem on the way instead of stopping at the first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from scrapr.extraction import filters, finding, language, page, query, reading, sources, valuefinding
from scrapr.extraction.filters import Definition, Kind
from scrapr.extraction.finding import Start
from scrapr.extraction.jsonpath import Path
from scrapr.extraction.plan import Collection, Followed, Many, Nothing, Object, Plan, Single
from scrapr.extraction.query import Query
from scrapr.extraction.sources import Source
from scrapr.extraction.spot import DOCUMENT, Spot
from scrapr.extraction.syntax import SyntaxProblem
from scrapr.model.errors import FieldError

if TYPE_CHECKING:
    from scrapr.extraction.rules import Rules

MAX_SELECTOR_LENGTH = 10_000
"""Characters in one selector string."""
MAX_DEPTH = 16
"""Objects, lists and parts within each other."""
MAX_SELECTORS = 500
"""Selector strings in one configuration."""
MAX_FOLLOW_DEPTH = 3
"""Links followed one after the other from a configuration's page."""
MAX_NAME_LENGTH = 200
"""Characters in a field's name."""

P = TypeVar("P")
_ALLOWED = 'a selector string, an object, a list with one of them, or {"$scope": …, "$select": …}'
_PART = {"$scope", "$select", "$follow"}


class MakeRules(Protocol):
    """How the rules of a followed page are made."""

    def __call__(
        self,
        selector: Any,
        scope: str | None,
        paginate: str | None,
        plan: Plan,
        start: Start,
        next_link: Single | None,
        demanding: tuple[Query, ...],
        *,
        reads_json: bool,
    ) -> Rules: ...


class Compiler:
    """Compiles one configuration; `problems` is complete when it is done."""

    def __init__(self, table: Mapping[str, Definition], make_rules: MakeRules):
        self.problems: list[FieldError] = []
        self._table = table
        self._make_rules = make_rules
        self._queries: dict[str, Query] = {}
        self._selectors = 0
        self._reads_json = False

    def rules(self, selector: Any, scope: Any, paginate: Any, field: str) -> Rules:
        """The rules for a configuration; not to be used if there are problems."""
        within = f"{field}." if field else ""
        start = Start(scope=self._scope(scope, f"{within}scope", DOCUMENT))
        plan = self.plan(selector, Spot(f"{within}selector", start=start))
        next_link = None
        if paginate is not None:
            next_link = self._single(paginate, Spot(f"{within}paginate", "paginate"))
        return self._make_rules(
            selector, scope, paginate, plan, start, next_link, self._demanding(), reads_json=self._reads_json
        )

    def plan(self, selector: Any, spot: Spot) -> Plan:
        """The plan for any selector."""
        if spot.depth > MAX_DEPTH:
            return self._refuse(spot, "is nested too deeply", f"at most {MAX_DEPTH} levels")
        if isinstance(selector, str):
            return self._single(selector, spot) or Nothing()
        if isinstance(selector, list):
            return self._list(selector, spot)
        if isinstance(selector, dict):
            return (
                self._part(selector, spot)
                if any(key[:1] == "$" for key in selector)
                else self._object(selector, spot)
            )
        return self._refuse(spot, "is no selector", _ALLOWED)

    def _demanding(self) -> tuple[Query, ...]:
        """The queries so far that a page must be made ready for, or that cost more than others."""
        return tuple(
            each for each in self._queries.values() if each.texts or each.counts_siblings or each.is_steep
        )

    def _refuse(
        self, spot: Spot, problem: str, allowed: str | None = None, position: int | None = None
    ) -> Plan:
        self.problems.append(
            FieldError(field=spot.field, problem=problem, allowed=allowed, position=position)
        )
        return Nothing()

    def _object(self, selector: dict[str, Any], spot: Spot) -> Plan:
        if len(selector) > MAX_SELECTORS:
            return self._refuse(spot, f"has {len(selector):,} fields", f"at most {MAX_SELECTORS}")
        fields = []
        for name, part in selector.items():
            inner = spot.inner(f".{name}", path=spot.named(name))
            if (
                not name
                or len(name) > MAX_NAME_LENGTH
                or any(sign == "\0" or "\ud800" <= sign < "\ue000" for sign in name)
            ):
                self._refuse(
                    inner,
                    "is no name for a field",
                    f"1 to {MAX_NAME_LENGTH} characters, no NUL, no leading $",
                )
            fields.append((name, self.plan(part, inner)))
        return Object(tuple(fields))

    def _list(self, selector: list[Any], spot: Spot) -> Plan:
        if len(selector) != 1:
            return self._refuse(spot, f"is a list with {len(selector)} entries", "a list with one selector")
        inner, only = spot.inner("[0]"), selector[0]
        if isinstance(only, str):
            return self._many(only, replace(inner, path=spot.path or "value"))
        if not isinstance(only, dict | list):
            return self._refuse(inner, "is no selector", _ALLOWED)
        if isinstance(only, dict) and any(key[:1] == "$" for key in only):
            return self._refuse(inner, "is a part within a list", '{"$scope": …, "$select": [ … ]}')
        start = spot.start
        within = replace(inner, start=Start(False, start.scope, at_scope=True, in_values=start.gives_values))
        find = valuefinding.scopes(start) if start.gives_values else finding.scopes(start)
        return Collection(self._scope_path(spot), find, self.plan(only, within))

    @staticmethod
    def _scope_path(spot: Spot) -> str:
        return f"{spot.path}.$scope" if spot.path else "scope"

    def _part(self, part: dict[str, Any], spot: Spot) -> Plan:
        if unknown := sorted(part.keys() - _PART):
            names = ", ".join(map(repr, unknown))
            return self._refuse(
                spot, f"has {names} beside keys that begin with $", "$scope, $select and $follow alone"
            )
        if "$select" not in part:
            return self._refuse(spot, "has no $select", '{"$scope": …, "$select": …}')
        if "$follow" in part:
            return self._followed(part, spot)
        outer = spot.start
        scope = self._scope(part.get("$scope"), f"{spot.field}.$scope", outer)
        start = Start(outer.document, scope, in_values=outer.in_values)
        return self.plan(part["$select"], spot.inner(".$select", start=start))

    def _followed(self, part: dict[str, Any], spot: Spot) -> Plan:
        if spot.follows >= MAX_FOLLOW_DEPTH:
            return self._refuse(spot, "follows too many links in a row", f"at most {MAX_FOLLOW_DEPTH}")
        outer = spot.start
        start = Start(outer.document, at_scope=not outer.document, in_values=outer.in_values)
        link = self._single(part["$follow"], spot.inner(".$follow", path=spot.named("$follow"), start=start))
        scope = self._scope(part.get("$scope"), f"{spot.field}.$scope", DOCUMENT)
        there = Start(scope=scope)
        select = spot.inner(".$select", path="", start=there, follows=spot.follows + 1)
        plan = self.plan(part["$select"], select)
        if link is None:
            return Nothing()
        rules = self._make_rules(
            part["$select"],
            part.get("$scope"),
            None,
            plan,
            there,
            None,
            self._demanding(),
            reads_json=self._reads_json,
        )
        return Followed(link, rules)

    def _is_readable(self, text: Any, spot: Spot) -> bool:
        if not isinstance(text, str):
            self._refuse(spot, "is no selector", "text")
        elif len(text) > MAX_SELECTOR_LENGTH:
            most = f"at most {MAX_SELECTOR_LENGTH:,} characters"
            self._refuse(spot, "is too long", most, MAX_SELECTOR_LENGTH)
        else:
            return True
        return False

    def _scope(self, scope: Any, field: str, outer: Start) -> Query | Path | Source | None:
        """What a scope means that stands in `outer`."""
        if scope is None:
            return None
        spot = Spot(field)
        if not self._is_readable(scope, spot):
            return None
        try:
            return self._read_scope(scope, outer)
        except SyntaxProblem as problem:
            self._refuse(spot, problem.problem, problem.allowed, problem.position)
            # What is within it is then not refused for being no CSS.
            return Source("", "") if language.is_path(scope) or sources.is_source(scope) else None

    def _read_scope(self, scope: str, outer: Start) -> Query | Path | Source:
        language.check_characters(scope)
        if language.is_path(scope):
            selector = language.parse(scope)
            if selector.path is None or selector.calls:
                raise SyntaxProblem(scope.index("|"), "a scope has no filters")
            self._check_kind(outer, selector.path, scope)
            return selector.path
        if outer.in_values:
            raise SyntaxProblem(0, "is no selector within JSON", "$.name")
        return sources.parse(scope) if sources.is_source(scope) else self._query(scope, 0)

    def _check_kind(self, start: Start, path: Path | None, text: str) -> None:
        """Refuse CSS where values of JSON are looked into, and paths where elements are."""
        at = len(text) - len(text.lstrip())
        if path is None and start.gives_values:
            raise SyntaxProblem(at, "is no selector within JSON", "$.name")
        if path is not None and not start.gives_values:
            if start.scope is not None or not start.document:
                raise SyntaxProblem(at, "looks for JSON in elements", 'CSS, or "$scope": "@jsonld"')
            self._reads_json = True

    def _single(self, text: Any, spot: Spot) -> Single | None:
        def make(selector: language.Selector, css: Query | None) -> Single:
            chain = filters.chain(selector.calls, listed=False, table=self._table, kind=_kind(selector))
            path = selector.path
            return Single(
                spot.path or "value",
                finding.first(spot.start, css) if path is None else valuefinding.first(spot.start, path),
                reading.choose(selector.attribute) if path is None else reading.read_values,
                chain.each,
                selector.attribute,
            )

        return self._selector(text, spot, make)

    def _many(self, text: str, spot: Spot) -> Plan:
        def make(selector: language.Selector, css: Query | None) -> Many:
            chain = filters.chain(selector.calls, listed=True, table=self._table, kind=_kind(selector))
            path = selector.path
            return Many(
                spot.path,
                finding.every(spot.start, css) if path is None else valuefinding.every(spot.start, path),
                reading.choose(selector.attribute) if path is None else reading.read_values,
                chain.each,
                chain.whole,
            )

        return self._selector(text, spot, make) or Nothing()

    def _selector(
        self, text: Any, spot: Spot, make: Callable[[language.Selector, Query | None], P]
    ) -> P | None:
        self._selectors += 1
        if not self._is_readable(text, spot):
            return None
        if self._selectors == MAX_SELECTORS + 1:
            self._refuse(spot, "is one selector too many", f"at most {MAX_SELECTORS}")
        elif self._selectors <= MAX_SELECTORS:
            try:
                selector = language.parse(text)
                self._check_kind(spot.start, selector.path, text)
                return make(selector, self._query(selector.css, selector.offset) if selector.css else None)
            except SyntaxProblem as problem:
                self._refuse(spot, problem.problem, problem.allowed, problem.position)
        return None

    def _query(self, css: str, offset: int) -> Query:
        if (found := self._queries.get(css)) is None:
            found = query.prepare(css, offset)
            page.check(found, offset)
            self._queries[css] = found
        return found


def _kind(selector: language.Selector) -> Kind:
    return Kind.TEXT if selector.path is None else Kind.ANY
