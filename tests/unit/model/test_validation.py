"""Bodies become values, or an error that names every wrong field and what is allowed there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from scrapr.model.batch import Run
from scrapr.model.configuration import Draft
from scrapr.model.errors import FieldError, Invalid, Malformed
from scrapr.model.pool import PoolDraft
from scrapr.model.validation import parse, path, read_json
from scrapr.model.webhook import WebhookDraft

THESIS: dict[str, Any] = {
    "type": "scraper",
    "collection": "restaurants",
    "scraper": {
        "source": "http://example.org/busqueda/logrono",
        "scope": "li.resultItem",
        "selector": [{"title": "h3.resultItem-name a", "item": "div.resultItem-address"}],
        "paginate": "div.pagination li.next a@href",
        "limit": 3,
    },
    "ttl": 300,
    "container": None,
}
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def wrong_fields(kind: type[Any], value: Any) -> dict[str, FieldError]:
    """The wrong fields of a body, by name."""
    with pytest.raises(Invalid) as caught:
        parse(kind, value)
    return {each.field: each for each in caught.value.fields}


def test_the_configuration_of_the_thesis_is_valid_and_comes_out_as_it_went_in() -> None:
    draft = parse(Draft, THESIS)
    assert draft.model_dump(mode="json", include=set(THESIS)) == THESIS
    assert draft.key_fields == ("title",)
    assert draft.collected == {"item": "items"}


def test_a_pattern_is_told_as_it_is() -> None:
    wrong = wrong_fields(Draft, THESIS | {"fetch": {"user_agent": "ümlaut"}})["fetch.user_agent"]
    assert "'^[A-Za-z]" in wrong.problem


def test_every_wrong_field_is_named_at_once() -> None:
    body = THESIS | {"ttl": "5m", "collection": "$x", "scraper": {"source": "ftp://x", "limit": 0}}
    assert wrong_fields(Draft, body).keys() == {
        "ttl",
        "collection",
        "scraper.source",
        "scraper.limit",
        "scraper.selector",
    }


@pytest.mark.parametrize("ttl", [0, -1, "5m", 1.5, True, None, 31_536_001])
def test_a_wrong_ttl_is_told_which_ones_are_allowed(ttl: Any) -> None:
    told = wrong_fields(Draft, THESIS | {"ttl": ttl})["ttl"]
    assert told.allowed is not None
    assert "a whole number from 1 to 31536000" in told.allowed
    assert "seconds" in told.allowed


@pytest.mark.parametrize(
    ("body", "field", "problem"),
    [
        ([], "", "is a list"),
        (None, "", "is null"),
        (THESIS | {"ttl": True}, "ttl", "is true"),
        (THESIS | {"ttl": None}, "ttl", "is null"),
        (THESIS | {"collection": {}}, "collection", "is an object"),
    ],
)
def test_a_value_of_a_wrong_type_is_told_in_the_words_of_json(body: Any, field: str, problem: str) -> None:
    told = wrong_fields(Draft, body)[field]
    assert told.problem == problem
    assert told.allowed


@pytest.mark.parametrize(
    ("part", "field", "allowed"),
    [
        (
            {"fields": {"a": {"type": "no"}}},
            "fields.a.type",
            "text, number, integer, boolean, date, url, list, object",
        ),
        ({"fields": {"a": {"max_length": "x"}}}, "fields.a.max_length", "a whole number from 1 to 1000000"),
        ({"fields": {"a": {"required": 3}}}, "fields.a.required", "true or false"),
        ({"collect": {"a": 5}}, "collect.a", "text from 1 to 200 characters"),
        ({"inputs": {"a": {"type": "no"}}}, "inputs.a.type", "text, integer, number, boolean"),
    ],
)
def test_what_is_allowed_is_told_of_fields_that_users_name(part: Any, field: str, allowed: str) -> None:
    told = wrong_fields(Draft, THESIS | part)[field]
    assert (told.allowed, told.problem.startswith("is ")) == (allowed, True)


class Bounds(BaseModel):
    """Numbers that may not be as small as their bound."""

    pause: float = Field(gt=0)
    timeout: float = Field(gt=0, le=300)


def test_a_bound_that_is_not_allowed_itself_is_told_so() -> None:
    told = wrong_fields(Bounds, {"pause": 0, "timeout": -1})
    assert told["pause"].allowed == "a number above 0"
    assert told["timeout"].allowed == "a number above 0, up to 300"


def test_the_end_of_a_run_is_told_how_times_are_written_and_what_finished_is() -> None:
    told = wrong_fields(Run, {"finished": False, "started_at": "yesterday"})
    assert told["finished"].allowed == "true"
    assert told["started_at"].allowed == "a time, as 2026-06-01T21:13:07Z"


def test_an_unknown_field_is_told_which_one_was_probably_meant() -> None:
    told = wrong_fields(Draft, THESIS | {"colection": "x"})["colection"]
    assert "collection" in told.problem


@pytest.mark.parametrize(
    "source", ["", "x", "/a", "ftp://a/b", "http://", "http://u:p@a/", "file:///etc/passwd", "http://[::1"]
)
def test_only_web_addresses_without_credentials_are_sources(source: str) -> None:
    told = wrong_fields(Draft, THESIS | {"scraper": THESIS["scraper"] | {"source": source}})
    assert told["scraper.source"].allowed == "an absolute http or https URL"


@pytest.mark.parametrize("name", ["", "$where", "a/b", "a\0b", "a" * 101, ".hidden", "é", "a b"])
def test_names_are_safe_everywhere(name: str) -> None:
    assert "collection" in wrong_fields(Draft, THESIS | {"collection": name})


def test_a_scraper_needs_its_part_and_an_endpoint_has_none() -> None:
    assert "scraper" in wrong_fields(Draft, {"type": "scraper", "collection": "x"})
    assert "scraper" in wrong_fields(Draft, THESIS | {"type": "endpoint"})


def test_a_pool_keeps_its_bounds_in_order() -> None:
    assert "replicas_min" in wrong_fields(
        PoolDraft, {"role": "scraper", "replicas_min": 3, "replicas_max": 2}
    )


def test_a_place_in_a_body_reads_as_in_javascript() -> None:
    assert path(("scraper", "selector", 0, "title")) == "scraper.selector[0].title"
    assert path(()) == ""


@pytest.mark.parametrize("body", [b"", b"{", b"NaN", b'"\\ud800"', b"\xff"])
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed, match="JSON"):
        read_json(body)


def refusal(value: Any) -> Invalid | None:
    """Why a body is no draft; None if it is one."""
    try:
        parse(Draft, value)
    except Invalid as error:
        return error
    return None


@given(ANY_JSON)
def test_any_json_is_a_draft_or_is_refused_with_fields(value: Any) -> None:
    error = refusal(value)
    assert error is None or (error.fields and error.detail)


@given(st.sampled_from(sorted(THESIS)), ANY_JSON)
def test_a_wrong_value_is_told_at_its_own_field(name: str, value: Any) -> None:
    error = refusal(THESIS | {name: value})
    # A type that has no scraper is the scraper's problem.
    assert error is None or all(each.field.startswith((name, "scraper")) for each in error.fields)


def test_what_a_newer_version_says_is_read_as_far_as_it_is_known() -> None:
    scraper = THESIS["scraper"] | {"patience": 3}
    told = THESIS | {"scraper": scraper, "fetch": {"retries": 2, "colour": "red"}, "mood": "good"}
    assert set(wrong_fields(Draft, told)) == {"scraper.patience", "fetch.colour", "mood"}
    assert parse(Draft, told, newer=True) == parse(Draft, THESIS | {"fetch": {"retries": 2}})
    with pytest.raises(Invalid, match="ttl"):
        parse(Draft, told | {"ttl": 0}, newer=True)


def test_a_list_is_too_short_only_where_too_little_was_sent() -> None:
    webhook = {"url": "https://example.org/hook", "events": ["items.change"]}
    assert wrong_fields(WebhookDraft, webhook).keys() == {"events[0]"}
    [short] = wrong_fields(WebhookDraft, webhook | {"events": []}).values()
    assert (short.field, short.problem, short.allowed) == ("events", "has 0", "a list from 1 entries")
