"""What is proposed for tables: rows without their header, fields called as the header calls them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapr.extraction import advice, fieldnames
from scrapr.extraction.infer import infer
from scrapr.extraction.proposal import Proposal

HEADER = "<tr{0}><th>Town</th><th>Size (km²)</th></tr>"
ROWS = "".join(f"<tr{{0}}><td>Town {n}</td><td>{n} km</td></tr>" for n in range(4))
FIELDS = {"town": "td:nth-child(1) | collapse", "size_km2": "td:nth-child(2) | collapse"}


def propose(text: str) -> Proposal:
    proposal = infer(text, "https://h.example/list")
    assert proposal is not None
    matches = proposal.found.matches
    assert (
        advice.advise(
            [{**proposal.selector}], proposal.scope, None, items=(), matches=matches, unconverted={}
        )
        == []
    )
    return proposal


@pytest.mark.parametrize(
    ("table", "scope"),
    [
        (f"<table><thead>{HEADER}</thead><tbody>{ROWS}</tbody></table>", "table > tr"),
        (f"<table>{HEADER}{ROWS}</table>", "table > tr:has(td)"),
        (f"<table id=towns>{HEADER}{ROWS}</table>", "table#towns > tr:has(td)"),
    ],
)
def test_columns_are_called_as_their_header_and_the_header_is_no_item(table: str, scope: str) -> None:
    proposal = propose(table.format(""))
    assert (proposal.scope, proposal.selector, proposal.key) == (scope, FIELDS, ("town",))
    assert proposal.found.matches["scope"] == 4


def test_a_header_with_the_class_of_the_rows_is_no_item() -> None:
    proposal = propose(f"<table>{HEADER}{ROWS}</table>".format(" class=line"))
    assert (proposal.scope, len(proposal.found.items)) == ("tr.line:has(td)", 4)


def test_headers_of_rows_are_fields() -> None:
    rows = "".join(f"<tr><th>Town {n}</th><td>{n} km</td></tr>" for n in range(4))
    proposal = propose(f"<table>{HEADER}{rows}</table>".format(""))
    assert list(proposal.selector) == ["town", "size_km2"]
    assert [each["town"] for each in proposal.found.items] == [f"Town {n}" for n in range(4)]


def test_cells_over_several_columns_or_rows_are_counted() -> None:
    header = "<tr><th rowspan=2>Team<th colspan=2>Goals<th rowspan=2>Points</tr><tr><th>for<th>against</tr>"
    rows = "".join(
        f"<tr class={'up' if n % 2 else 'down'}><td>Team {n}<td class=num>{n}<td class=num>{n + 1}<td>{n * 3}"
        for n in range(6)
    )
    proposal = propose(f"<table><thead>{header}</thead>{rows}</table>")
    assert list(proposal.selector) == ["team", "for", "against", "points"]
    assert proposal.found.items[2] == {"team": "Team 2", "for": "2", "against": "3", "points": "6"}
    assert len(proposal.found.items) == 6


def test_what_is_alike_in_several_columns_is_told_apart() -> None:
    rows = "".join(
        f"<tr><td><p><a class=to href=/{n}>A {n}</a><td><p><a class=to href=/b{n}>B {n}</a></tr>"
        for n in range(4)
    )
    proposal = propose(f"<table><tr><th>Home<th>Guest</tr>{rows}</table>")
    assert proposal.found.items[1] == {
        "home": "A 1",
        "url": "https://h.example/1",
        "guest": "B 1",
        "url2": "https://h.example/b1",
    }


def test_of_several_tables_the_one_with_the_columns_is_meant() -> None:
    other = "<table><tr><th>a<th>b</tr>" + "<tr><td>1<td>2</tr>" * 5 + "</table>"
    proposal = propose(f"{other}<table>{HEADER}{ROWS}</table>".format(""))
    assert proposal.scope == 'table:has(th:contains("Town")) > tr:has(td)'
    assert len(proposal.found.items) == 4


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (" Größe (m²) ", "groesse_m2"),
        ("Año", "ano"),
        ("2019", "2019"),
        ("Город", "город"),
        ("№ / %", "no"),
        ("—", ""),
        ("a " * 40, "_".join(["a"] * 20)),
    ],
)
def test_headers_as_names_of_fields(text: str, name: str) -> None:
    assert fieldnames.slug(text) == name


@given(
    st.lists(
        st.sampled_from(
            [
                "<table>",
                "<tr>",
                "<th colspan=3>a",
                "<th rowspan=9>b",
                "<td>",
                "x",
                "1",
                "<td class=c>",
                "</table>",
            ]
        ),
        max_size=40,
    )
)
def test_any_table_can_be_looked_at(parts: list[str]) -> None:
    infer("<table>" + "".join(parts) * 3, "https://h.example/list")
