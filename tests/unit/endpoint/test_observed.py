"""What was observed of items, and what a query may name."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapr.model.errors import Invalid
from scrapr.roles.endpoint import selection, spelling, terms
from scrapr.roles.endpoint.observed import NAMES_MOST, Observed

names = st.text(st.characters(codec="utf-8"), max_size=3)
values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
items = st.lists(st.dictionaries(names, values, max_size=4), min_size=1, max_size=6)


@given(items, st.integers(0, 6))
def test_every_item_that_was_seen_fits_the_schema_however_it_was_seen(
    found: list[dict[str, Any]], cut: int
) -> None:
    before, after = Observed(), Observed()
    for item in found[:cut]:
        before.see(item)
    for item in found[cut:]:
        after.see(item)
    after.inherit(before)
    fits = jsonschema_rs.validator_for(after.item.schema())
    assert all(fits.is_valid(item) for item in found)
    assert set(after.fields) == {name for item in found for name in item}


def test_what_is_seen_bounds_what_is_kept() -> None:
    observed = Observed()
    deep: Any = 1
    for _ in range(100):
        deep = {"a": deep}
    observed.see({"deep": deep, **{f"n{n}": n for n in range(2 * NAMES_MOST)}})
    assert len(observed.fields) == NAMES_MOST
    assert len(str(observed.item.schema()["properties"]["deep"])) < 1000


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ([("limt", "3")], ["limt", "did you mean limit?"]),
        ([("prize[lte]", "3")], ["prize", "did you mean price?"]),
        ([("sort", "-tilte")], ["tilte", "did you mean title?"]),
        ([("zzzz", "1")], ["zzzz: is no field that any item had;"]),
    ],
)
def test_a_name_that_nothing_had_is_refused_with_what_was_meant(
    query: list[tuple[str, str]], parts: list[str]
) -> None:
    wanted = selection.read(query)
    with pytest.raises(Invalid) as refused:
        spelling.check(wanted, {"price", "title"}, parameters=dict(query))
    assert all(part in str(refused.value) for part in parts)
    spelling.check(wanted, ())


def test_whether_a_field_is_there_may_be_asked_of_any() -> None:
    spelling.check(selection.read([("other[exists]", "true"), ("title", "x")]), {"title"})


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("fish", '"fish"'),
        ("Grilled fish", '"Grilled" AND "fish"'),
        ('"grilled fish" -meat -"old bread"', '("grilled fish") NOT ("meat" OR "old bread")'),
        ("gril*", '"gril" *'),
        ("x-ray", '"x ray"'),
        ('"', None),
        ("", None),
        ("-fish", None),
        ("?!", None),
        ("a " * 21, None),
        ("a" * 501, None),
        ('a" OR "b', '"a" AND "OR" AND "b"'),
        ("NEAR(a b)", '"NEAR a" AND "b"'),
    ],
)
def test_a_search_is_words_and_never_a_language(text: str, expression: str | None) -> None:
    if expression is not None:
        assert terms.read(text) == expression
        return
    with pytest.raises(Invalid, match="q"):
        terms.read(text)
