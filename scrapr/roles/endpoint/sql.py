"""A selection as SQL text and parameters; values are always parameters, field names quoted JSON paths.

A path is written out because an index on an expression serves only queries that spell it alike.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from scrapr.roles.endpoint import fulltext
from scrapr.roles.endpoint.selection import After, Filter, Scalar, Selection, Sort

Parameter: TypeAlias = str | int | float | None
ESCAPED = re.compile(r'["\\\x00-\x1f]')
COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
NUMBERS = "('integer', 'real')"
RANKED = 2000
"""Records that a text search ranks at most, the newest of those that fit."""


@dataclass(frozen=True)
class Clause:
    """A piece of SQL with its parameters."""

    text: str
    parameters: tuple[Parameter, ...] = ()


def select(
    table: str, selection: Selection, after: After | None, limit: int, *, common: bool = False
) -> Clause:
    """The query for `created`, `body` and the sort values of up to `limit` records.

    `common` tells that many records fit a text search.
    """
    if selection.ranked:
        return _ranked(table, selection, after, limit)
    sorts = [value(each.field) for each in selection.sort]
    clauses = _conditions(table, selection, common=common)
    if after is not None:
        clauses.append(_beyond(selection, after))
    where = _all(clauses)
    columns = ", ".join(["created", "body", *sorts])
    orders = [f"{text} {_direction(each)}" for text, each in zip(sorts, selection.sort, strict=True)]
    order = ", ".join([*orders, f"created {_tie(selection)}"])
    text = f"SELECT {columns} FROM {table} WHERE {where.text} ORDER BY {order} LIMIT ?"  # noqa: S608 - names are quoted in `_look`, values are parameters
    return Clause(text, (*where.parameters, limit))


def count(table: str, selection: Selection, most: int) -> Clause:
    """The query for the number of records; it counts no further than one more than `most`."""
    where = _all([*map(condition, selection.filters)])
    source, match = f"{table} WHERE", Clause("1")
    if selection.match:
        source, match = _matching(table, selection)
    text = f"SELECT count(*) FROM (SELECT 1 FROM {source} {match.text} AND {where.text} LIMIT ?)"  # noqa: S608 - names are quoted in `_look`, values are parameters
    return Clause(text, (*match.parameters, *where.parameters, most + 1))


def _matching(table: str, selection: Selection) -> tuple[str, Clause]:
    """The source and the condition of what fits a text search: its index leads, in the order of creation."""
    text = fulltext.name(table)
    joined = f" CROSS JOIN {table} ON created = {text}.rowid" if selection.filters else ""
    return f"{text}{joined} WHERE", Clause(f"{text} MATCH ?", (selection.match,))


def _ranked(table: str, selection: Selection, after: After | None, limit: int) -> Clause:
    """What fits a text search best, of the newest `RANKED` records that fit at all; `score` is less where it is better.

    The bodies of the few that are told are read at the end: SQLite's sorter would carry all of them.
    """
    text = fulltext.name(table)
    where = _all([*map(condition, selection.filters)])
    source, match = _matching(table, selection)
    # Scores are computed no further than to the limit.
    scored = (
        f"SELECT {text}.rowid AS place, bm25({text}) AS score FROM {source} {match.text} "  # noqa: S608 - the copy's own name
        f"AND {where.text} ORDER BY {text}.rowid DESC LIMIT {RANKED}"
    )
    beyond = Clause("1")
    if after is not None:
        [score] = after.values
        beyond = Clause("(score > ? OR (score = ? AND place < ?))", (score, score, after.created))
    best = f"SELECT place, score FROM ({scored}) WHERE {beyond.text} ORDER BY score, place DESC LIMIT ?"  # noqa: S608 - as above
    return Clause(
        f"SELECT created, body, score FROM ({best}) JOIN {table} ON created = place ORDER BY score, place DESC",  # noqa: S608 - as above
        (*match.parameters, *where.parameters, *beyond.parameters, limit),
    )


def _conditions(table: str, selection: Selection, *, common: bool = False) -> list[Clause]:
    clauses = [*map(condition, selection.filters)]
    if selection.match:
        text = fulltext.name(table)
        # With a plus SQLite goes by the order and looks each record up among those found, else from found to found.
        place = "+created" if common else "created"
        found = f"{place} IN (SELECT rowid FROM {text} WHERE {text} MATCH ?)"  # noqa: S608 - the copy's own name
        clauses.append(Clause(found, (selection.match,)))
    return clauses


def index(selection: Selection) -> str | None:
    """The columns of the index that serves this selection best; None where none would."""
    if selection.ranked:
        return None
    firsts = [each.field for each in selection.filters if each.operator == "eq"]
    names = dict.fromkeys(each for each in firsts if each not in {sort.field for sort in selection.sort})
    if not selection.sort and not names:
        ranges = [each.field for each in selection.filters if each.operator in {*COMPARISONS, "in"}]
        names = dict.fromkeys(ranges[:1])
    reverse = bool(selection.sort) and selection.sort[0].descending
    columns = [value(name) for name in names]
    if any(ESCAPED.search(name) for name in (*names, *(each.field for each in selection.sort))):
        return None
    # An index is read in both directions: only whether fields differ in theirs matters.
    columns += [
        value(each.field) + (" DESC" if each.descending is not reverse else "") for each in selection.sort
    ]
    return ", ".join(columns) or None


def condition(wanted: Filter) -> Clause:
    """A filter as a condition."""
    read, kind = value(wanted.field), _kind(wanted.field)
    match wanted.operator:
        case "exists":
            return Clause(f"{kind} IS {'NOT ' if wanted.values[0] else ''}NULL")
        case "contains":
            return Clause(f"({kind} = 'text' AND instr({read}, ?) > 0)", (str(wanted.values[0]),))
        case "startswith":
            start = str(wanted.values[0])
            # substr counts characters, which Python's len of a str does, too.
            return Clause(f"({kind} = 'text' AND substr({read}, 1, ?) = ?)", (len(start), start))
        case "ne":
            equal = _equal(read, kind, wanted.values)
            return Clause(f"NOT coalesce({equal.text}, 0)", equal.parameters)
        case "eq" | "in":
            return _equal(read, kind, wanted.values)
    [bound] = wanted.values
    of_kind = f"{kind} = 'text'" if isinstance(bound, str) else f"{kind} IN {NUMBERS}"
    return Clause(f"({read} {COMPARISONS[wanted.operator]} ? AND {of_kind})", (bound,))


def value(field: str) -> str:
    """The expression of a field's value; true and false are 1 and 0, lists and objects their JSON."""
    return _look(field, "json_extract", "value")


def _kind(field: str) -> str:
    return _look(field, "json_type", "type")


def _look(field: str, function: str, column: str) -> str:
    if ESCAPED.search(field):
        # SQLite before 3.45 compares a path with the key's escaped text, and cannot quote quotes.
        name = field.replace("'", "''")
        pieces = [f"'{part}'" for part in re.split(r"[\x00-\x1f]", name)]
        codes = [f"char({ord(code)})" for code in re.findall(r"[\x00-\x1f]", name)]
        key = pieces[0] + "".join(
            f" || {code} || {piece}" for code, piece in zip(codes, pieces[1:], strict=True)
        )
        return f"(SELECT {column} FROM json_each(body) WHERE key = {key})"  # noqa: S608 - `key` is a text literal with its quotes doubled
    path = f'$."{field}"'.replace("'", "''")
    return f"{function}(body, '{path}')"


def _equal(read: str, kind: str, values: Sequence[Scalar]) -> Clause:
    return _any([_equal_one(read, kind, each) for each in values])


def _equal_one(read: str, kind: str, wanted: Scalar) -> Clause:
    if wanted is None:
        return Clause(f"({read} IS NULL AND {kind} = 'null')")
    if isinstance(wanted, bool):
        return Clause(f"({read} = ? AND {kind} = '{'true' if wanted else 'false'}')", (int(wanted),))
    of_kind = f"{kind} = 'text'" if isinstance(wanted, str) else f"{kind} IN {NUMBERS}"
    return Clause(f"({read} = ? AND {of_kind})", (wanted,))


def _beyond(selection: Selection, after: After) -> Clause:
    """Whether a record comes after the place: later in the first sort, or alike there and later in the next."""
    sorts = selection.sort
    choices: list[Clause] = []
    alike: list[Clause] = []
    for each, at in zip(sorts, after.values, strict=True):
        choices.append(_all([*alike, _later(value(each.field), at, descending=each.descending)]))
        alike.append(Clause(f"{value(each.field)} IS ?", (_parameter(at),)))
    tie = "<" if _tie(selection) == "DESC" else ">"
    choices.append(_all([*alike, Clause(f"created {tie} ?", (after.created,))]))
    beyond = _any(choices)
    if sorts and not sorts[0].descending and after.values[0] is not None:
        # Says nothing new, but this is what the index is entered by.
        return _all([Clause(f"{value(sorts[0].field)} >= ?", (_parameter(after.values[0]),)), beyond])
    return beyond


def _later(read: str, at: Scalar, *, descending: bool) -> Clause:
    if at is None:
        return Clause("0" if descending else f"{read} IS NOT NULL")
    if descending:
        return Clause(f"({read} < ? OR {read} IS NULL)", (_parameter(at),))
    return Clause(f"{read} > ?", (_parameter(at),))


def _parameter(at: Scalar) -> Parameter:
    return int(at) if isinstance(at, bool) else at


def _direction(sort: Sort) -> str:
    return "DESC" if sort.descending else "ASC"


def _tie(selection: Selection) -> str:
    """Records alike come in the direction of the first field: so one index serves both directions."""
    if selection.sort:
        return _direction(selection.sort[0])
    return "DESC" if selection.newest else "ASC"


def _all(clauses: Sequence[Clause]) -> Clause:
    return _join(" AND ", clauses, "1")


def _any(clauses: Sequence[Clause]) -> Clause:
    return _join(" OR ", clauses, "0")


def _join(word: str, clauses: Sequence[Clause], none: str) -> Clause:
    if not clauses:
        return Clause(none)
    text = clauses[0].text if len(clauses) == 1 else f"({word.join(each.text for each in clauses)})"
    return Clause(text, tuple(parameter for each in clauses for parameter in each.parameters))
