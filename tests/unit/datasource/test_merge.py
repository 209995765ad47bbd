from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from scrapr.roles.datasource.merge import KEY_MOST, key_of, merge

THESIS = {"item": "items"}


@pytest.mark.parametrize(
    ("item", "fields", "key"),
    [
        ({"title": "Asador"}, ("title",), "Asador"),
        ({"id": 7}, ("id",), "7"),
        ({"id": 0}, ("id",), "0"),
        ({"id": 1.5}, ("id",), "1.5"),
        ({"id": False}, ("id",), "false"),
        ({"id": ["a", 1]}, ("id",), '["a",1]'),
        ({"a": "x", "b": 2}, ("a", "b"), '["x",2]'),
        ({"a": "x", "b": 2}, ("b", "a"), '[2,"x"]'),
        ({"title": " "}, ("title",), " "),
    ],
)
def test_a_key_is_the_text_of_its_field_or_a_json_array_of_several(
    item: Any, fields: tuple[str, ...], key: str
) -> None:
    assert key_of(item, fields) == key


@pytest.mark.parametrize(
    "item", [{}, {"title": None}, {"title": ""}, {"title": "x" * (KEY_MOST + 1)}, {"Title": "a"}]
)
def test_an_item_without_a_usable_key_field_has_no_key(item: Any) -> None:
    assert key_of(item, ("title",)) is None


def test_one_missing_field_of_several_is_no_key() -> None:
    assert key_of({"a": "x", "b": None}, ("a", "b")) is None


def test_distinct_values_gather_in_order_of_arrival_and_their_own_field_is_not_kept() -> None:
    items: Any = [{"title": "a", "item": "2"}, {"title": "a", "item": "1"}, {"title": "a", "item": "2"}]
    assert merge({}, items, THESIS, most=9) == {"title": "a", "items": ["2", "1"]}


def test_a_list_is_merged_element_by_element() -> None:
    assert merge({"tags": ["a"]}, [{"tag": ["b", "a", "c"]}], {"tag": "tags"}, most=9) == {
        "tags": ["a", "b", "c"]
    }


def test_a_field_with_the_name_of_a_list_joins_it() -> None:
    assert merge({}, [{"items": "a"}, {"item": "b"}, {"items": ["c"]}], THESIS, most=9) == {
        "items": ["a", "b", "c"]
    }


def test_a_field_that_becomes_a_list_keeps_the_value_it_had() -> None:
    assert merge({"items": "old"}, [{"item": "new"}], THESIS, most=9) == {"items": ["old", "new"]}


def test_null_is_no_value_but_shows_that_the_list_is_there() -> None:
    assert merge({}, [{"item": None}], THESIS, most=9) == {"items": []}


def test_values_of_different_types_are_distinct() -> None:
    values: list[JsonValue] = [1, True, "1", 1, {"a": 1}, {"a": 1}]
    gathered = merge({}, [{"item": value} for value in values], THESIS, most=9)
    assert gathered == {"items": [1, True, "1", {"a": 1}]}


def test_a_list_stops_growing_at_its_bound() -> None:
    assert merge({"items": ["a"]}, [{"item": "b"}, {"item": "c"}], THESIS, most=2) == {"items": ["a", "b"]}


def test_the_latest_value_stays_and_fields_that_are_lacking_do_not_go() -> None:
    items: Any = [{"price": 2, "stars": 4}, {"price": 3, "stars": None}]
    assert merge({"title": "a", "price": 1}, items, {}, most=9) == {"title": "a", "price": 3, "stars": None}


@given(st.lists(st.dictionaries(st.sampled_from(["item", "items", "x"]), st.integers(0, 3))))
def test_merging_in_parts_is_merging_at_once(items: Any) -> None:
    at_once = merge({}, items, THESIS, most=3)
    parts: Any = {}
    for item in items:
        parts = merge(parts, [item], THESIS, most=3)
    assert parts == at_once


@given(st.lists(st.dictionaries(st.sampled_from(["item", "x"]), st.integers(0, 3)), max_size=4))
def test_merging_the_same_again_changes_nothing(items: Any) -> None:
    once = merge({}, items, THESIS, most=9)
    assert merge(once, items, THESIS, most=9) == once
