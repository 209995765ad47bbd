from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrapr.model.batch import Batch, Run
from scrapr.model.errors import Invalid
from scrapr.model.validation import read_json
from scrapr.roles.datasource.intake import DEPTH, understand


def read(text: str | bytes) -> Batch | Run | tuple[Batch, ...]:
    body = text.encode() if isinstance(text, str) else text
    return understand(read_json(body), body)


def refused(text: str | bytes) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        read(text)
    return {field.field: field.problem for field in caught.value.fields}


def of_data(data: str) -> str:
    return f'{{"collection": "c", "data": {data}}}'


def nested(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


def test_the_body_of_the_thesis_is_a_batch() -> None:
    batch = read(of_data('[{"title": "a"}]'))
    assert isinstance(batch, Batch)
    assert (batch.collection, batch.data, batch.run, batch.page) == ("c", [{"title": "a"}], None, 1)
    assert (batch.key, batch.collect) == (("title",), {"item": "items"})


def test_finished_makes_it_the_end_of_a_run() -> None:
    body = {"collection": "c", "run": "r", "finished": True, "outcome": "complete", "pages": 3}
    run = read(
        orjson.dumps({**body, "started_at": "2026-01-01T00:00:00Z", "finished_at": "2026-01-01T00:00:01Z"})
    )
    assert isinstance(run, Run)
    assert run.pages == 3


@pytest.mark.parametrize("text", ["[]", "7", '"a"', "null"])
def test_what_is_no_object_is_refused(text: str) -> None:
    assert list(refused(text)) == [""]


@pytest.mark.parametrize(
    ("data", "problem"),
    [("[[]]", "is a list"), ('["a"]', "is text"), ("[null]", "is null"), ("[7]", "is a number")],
)
def test_an_item_that_is_no_object_is_named(data: str, problem: str) -> None:
    assert refused(of_data(data)) == {"data[0]": problem}


def test_every_wrong_field_is_named_at_once() -> None:
    body = '{"collection": "$c", "data": [{}, {}, {}, 7], "page": 0, "sauce": 1}'
    assert refused(body).keys() == {"collection", "data[3]", "page", "sauce"}


def test_data_that_is_no_list_or_is_missing_is_refused() -> None:
    assert list(refused(of_data("{}"))) == ["data"]
    assert list(refused('{"collection": "c"}')) == ["data"]


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**64 - 1, 2**64, 10**30, -(10**30)])
def test_a_whole_number_beyond_64_bits_is_refused_and_named(number: int) -> None:
    data = f'[{{"title": "a"}}, {{"deep": [{{"n": {number}}}]}}]'
    assert refused(of_data(data)) == {"data[1].deep[0].n": "is a whole number beyond 64 bits"}


@pytest.mark.parametrize("number", ["9223372036854775807", "-9223372036854775808", "1e30", "1.5", "0.1e-300"])
def test_other_numbers_are_taken(number: str) -> None:
    read(of_data(f'[{{"n": {number}, "phone": "00000000000000000000000"}}]'))


def test_a_number_beyond_64_bits_is_refused_outside_of_the_items_too() -> None:
    assert "epoch" in refused('{"collection": "c", "data": [], "epoch": 18446744073709551615}')


def test_a_nul_in_a_key_is_refused_and_in_a_text_is_not() -> None:
    assert refused(of_data('[{"a": {"b\\u0000c": 1}}]')) == {"data[0].a": "has a key with a NUL in it"}
    read(of_data('[{"a": "b\\u0000c"}]'))


def test_what_is_nested_too_deeply_is_refused() -> None:
    read(of_data(f"[{nested(DEPTH)}]"))
    (place,) = refused(of_data(f"[{nested(DEPTH + 1)}]"))
    assert place == "data[0]" + ".a" * DEPTH


def test_of_very_many_wrong_items_some_are_named() -> None:
    assert len(refused(of_data(f"[{', '.join(['7'] * 1000)}]"))) == 10


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_characters="\0",
                                                                       exclude_categories=["Cs"])), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(["title", "$set", "a.b", ""]), JSON, max_size=3), max_size=3))
def test_all_other_json_objects_are_taken_as_they_are(items: Any) -> None:
    body = orjson.dumps({"collection": "c", "data": items})
    batch = read(body)
    assert isinstance(batch, Batch)
    assert batch.data == orjson.loads(body)["data"]


def test_a_batch_of_a_newer_scraper_is_taken_as_far_as_it_is_known() -> None:
    body = b'{"collection": "c", "data": [{"title": "a"}], "weight": 3}'
    assert "weight" in refused(body)
    batch = understand(read_json(body), body, newer=True)
    assert batch == read(of_data('[{"title": "a"}]'))
