"""The header cells of tables: what the columns are called."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from scrapr.extraction.place import Node, children

_SPAN_MOST = 10
"""Columns or rows that one cell may cover."""
_COLUMNS_MOST = 100
_CELLS_MOST = 60
"""Cells of a row that are looked at."""
_HEADER_MOST = 5
"""Rows of a header that are looked at."""
_SECTIONS = frozenset({"thead", "tbody", "tfoot"})


def above(cell: Node) -> str:
    """The text of the header above a cell of a table, or nothing."""
    row = cell.parent
    if row is None or row.tag != "tr" or not is_data(row):
        return ""
    return columns(row).get(_column(cell), "")


def is_data(row: Node) -> bool:
    """Whether a row holds more than header cells."""
    return any(cell.tag == "td" for cell in cells(row))


def columns(row: Node) -> dict[int, str]:
    """What the columns of a row's table are called, by their positions from 0."""
    names: dict[int, str] = {}
    taken: set[tuple[int, int]] = set()
    for down, header in enumerate(_header(row)):
        across = 0
        for cell in cells(header):
            while (down, across) in taken:
                across += 1
            text = " ".join(cell.text_lexbor().split())
            covered = range(across, min(across + _span(cell, "colspan"), _COLUMNS_MOST))
            taken.update((down + more, at) for more in range(_span(cell, "rowspan")) for at in covered)
            names.update(dict.fromkeys(covered, text) if text else {})
    return names


def cells(row: Node | None) -> list[Node]:
    """The first cells of a row."""
    found = () if row is None else (node for node in children(row) if node.tag in {"td", "th"})
    return list(islice(found, _CELLS_MOST))


def _header(row: Node) -> list[Node]:
    """The rows of a table's head: those in its thead, else the first ones that hold header cells alone."""
    section = row.parent
    table = section.parent if section is not None and section.tag in _SECTIONS else section
    found: list[Node] = []
    for each in _rows(table):
        is_head = each.parent is not None and each.parent.tag == "thead"
        if len(found) == _HEADER_MOST or not (is_head or (cells(each) and not is_data(each))):
            break
        found.append(each)
    return found


def _rows(table: Node | None) -> Iterator[Node]:
    for node in () if table is None else children(table):
        if node.tag == "tr":
            yield node
        elif node.tag in _SECTIONS:
            yield from (row for row in children(node) if row.tag == "tr")


def width(row: Node) -> int:
    """The number of columns that the cells of a row cover."""
    return sum(_span(cell, "colspan") for cell in cells(row))


def _column(cell: Node) -> int:
    at = 0
    for each in cells(cell.parent):
        if each.mem_id == cell.mem_id:
            break
        at += _span(each, "colspan")
    return at


def _span(cell: Node, name: str) -> int:
    said = cell.attrs.get(name) or ""
    return max(1, min(int(said), _SPAN_MOST)) if said.isascii() and said.isdigit() else 1
