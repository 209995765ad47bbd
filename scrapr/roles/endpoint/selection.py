"""What a query selects: `sort`, `fields` and filters as a frozen value, or an error that says what is allowed."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import orjson

from scrapr.model.errors import FieldError, Invalid
from scrapr.roles.endpoint import terms

Operator: TypeAlias = Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "exists", "startswith", "contains"]
Scalar: TypeAlias = str | int | float | bool | None
KNOWN: dict[str, Operator] = {each: each for each in get_args(Operator)}
OPERATORS = ", ".join(KNOWN)
RESERVED = frozenset({"limit", "cursor", "sort", "fields", "q", "at", "format", "collection"})
"""Names with a meaning of their own; a field called so is asked for as `limit[eq]`."""
PARAMETER = re.compile(r"(?P<field>.+?)(?:\[(?P<operator>[^\[\]]*)\])?", re.DOTALL)
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
LISTED = re.compile(r'"(?:[^"\\]|\\.)*"(?=,|$)|[^,]*', re.DOTALL)
WORDS: dict[str, Scalar] = {"true": True, "false": False, "null": None}
FILTERS_MOST, SORTS_MOST, VALUES_MOST, FIELDS_MOST = 20, 5, 100, 100
INTEGERS = range(-(2**63), 2**63)
QUERY = "query"
"""What is wrong where no parameter is: the query as a whole, or a parameter without a name."""
CURSOR_ALLOWED = "the `next` of the page before, with the same sort"


@dataclass(frozen=True)
class Filter:
    """A field compared with any of `values`: what was written, read in each way in which it may be meant."""

    field: str
    operator: Operator
    values: tuple[Scalar, ...]


@dataclass(frozen=True)
class Sort:
    """One field to sort by."""

    field: str
    descending: bool = False


@dataclass(frozen=True)
class After:
    """The place to go on after: the last record's sort values, and when it was created."""

    values: tuple[Scalar, ...]
    created: int


@dataclass(frozen=True)
class Selection:
    """Which records, in which order, with which of their fields (all where it is empty).

    `match` is a text search as an FTS5 expression. Without a sort, what fits it best comes first.
    """

    filters: tuple[Filter, ...] = ()
    sort: tuple[Sort, ...] = ()
    fields: tuple[str, ...] = ()
    match: str = ""
    newest: bool = False
    """Without a sort and a search: from the record created last to the first."""

    @property
    def ranked(self) -> bool:
        """Whether the order is that of a text search."""
        return bool(self.match) and not self.sort

    @property
    def plain(self) -> bool:
        """Whether all records are meant, in the order of their creation."""
        return not (self.filters or self.sort or self.match or self.newest)

    @property
    def order(self) -> str:
        """The order as text, for cursors."""
        if self.ranked:
            return "rank"
        return orjson.dumps([[each.field, each.descending] for each in self.sort]).decode()

    @property
    def names(self) -> frozenset[str]:
        """Every field that it needs to know; whether there is one may be asked of any."""
        asked = (each.field for each in self.filters if each.operator != "exists")
        return frozenset({*asked, *(each.field for each in self.sort), *self.fields})


def read(parameters: Iterable[tuple[str, str]]) -> Selection:
    """The selection that query parameters ask for. Raises `Invalid` with every parameter that is wrong."""
    filters: list[Filter] = []
    sort: tuple[Sort, ...] = ()
    fields: tuple[str, ...] = ()
    match = ""
    faults: list[FieldError] = []
    for name, text in parameters:
        try:
            if name == "sort":
                sort = _sort(text)
            elif name == "fields":
                fields = _names("fields", text, FIELDS_MOST)
            elif name == "q":
                match = terms.read(text)
            else:
                filters.append(_filter(name, text))
        except Invalid as error:
            faults += error.fields
    if len(filters) > FILTERS_MOST:
        faults.append(
            FieldError(field=QUERY, problem="has too many filters", allowed=f"up to {FILTERS_MOST} filters")
        )
    if faults:
        raise Invalid(*faults)
    return Selection(tuple(filters), sort, fields, match)


def write_cursor(selection: Selection, after: After) -> str:
    """The cursor of the page that follows `after`."""
    told = orjson.dumps([selection.order, after.values, after.created])
    return urlsafe_b64encode(told).rstrip(b"=").decode()


def read_cursor(selection: Selection, cursor: str) -> After:
    """The place that a cursor tells. Raises `Invalid`, also where it was given for another sort."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        order, values, created = orjson.loads(urlsafe_b64decode(padded))
    except (ValueError, TypeError) as error:
        raise _wrong("cursor", "is no cursor", CURSOR_ALLOWED) from error
    if order != selection.order:
        raise _wrong("cursor", "belongs to another sort", CURSOR_ALLOWED)
    if not _is_place(values, created) or len(values) != (len(selection.sort) or int(selection.ranked)):
        raise _wrong("cursor", "is no cursor", CURSOR_ALLOWED)
    return After(tuple(values), created)


def _is_place(values: Any, created: Any) -> bool:
    return (
        type(created) is int
        and created in INTEGERS
        and isinstance(values, list)
        and all(each is None or isinstance(each, str | float) or _is_integer(each) for each in values)
    )


def _is_integer(value: Any) -> bool:
    return type(value) is int and value in INTEGERS


def _wrong(field: str, problem: str, allowed: str) -> Invalid:
    return Invalid(FieldError(field=field[:100] or QUERY, problem=problem, allowed=allowed))


def _names(parameter: str, text: str, most: int) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    if len(names) > most or any(not name or "\0" in name for name in names):
        raise _wrong(parameter, "is no list of fields", f"1 to {most} names of fields, with commas between")
    return names


def _sort(text: str) -> tuple[Sort, ...]:
    sorts = tuple(Sort(name.removeprefix("-"), name.startswith("-")) for name in text.split(","))
    if len(sorts) > SORTS_MOST or any(not each.field or "\0" in each.field for each in sorts):
        raise _wrong(
            "sort", "is no list of fields", f"1 to {SORTS_MOST} names, as price,-title (- is descending)"
        )
    if len({each.field for each in sorts}) < len(sorts):
        raise _wrong("sort", "names a field twice", "each field once")
    return sorts


def _filter(name: str, text: str) -> Filter:
    found = PARAMETER.fullmatch(name)
    if found is None or "\0" in name:
        raise _wrong(name, "is no filter", "a field, or field[operator]")
    field, operator = found["field"], "eq" if found["operator"] is None else found["operator"]
    if operator not in KNOWN:
        raise _wrong(name, f"has no operator {operator[:40]!r}", OPERATORS)
    return Filter(field, KNOWN[operator], _values(name, operator, text))


def _values(name: str, operator: str, text: str) -> tuple[Scalar, ...]:
    match operator:
        case "exists":
            if text not in {"true", "false"}:
                raise _wrong(name, "is neither true nor false", "true, false")
            return (text == "true",)
        case "contains" | "startswith":
            return (text,)
        case "in":
            listed = [each for each in LISTED.findall(text) if each]
            if not 0 < len(listed) <= VALUES_MOST:
                raise _wrong(name, "is no list of values", f"1 to {VALUES_MOST} values, with commas between")
            return tuple(value for each in listed for value in meanings(each))
        case "gt" | "gte" | "lt" | "lte":
            return (_bound(name, text),)
    return meanings(text)


def _bound(name: str, text: str) -> Scalar:
    value = meanings(text)[0]
    if value is None or isinstance(value, bool):
        raise _wrong(name, f"{text} has no order", "a number, or text (in double quotes if it is a word)")
    return value


def meanings(text: str) -> tuple[Scalar, ...]:
    """All values that `text` may mean: 20 is a number or that text, "20" in double quotes is text alone."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            return (str(orjson.loads(text)),)
        except ValueError:
            return (text,)
    if text in WORDS:
        return (WORDS[text], text)
    if NUMBER.fullmatch(text):
        number = int(text) if text.lstrip("-").isdigit() and int(text[:40]) in INTEGERS else float(text)
        return (number, text)
    return (text,)
