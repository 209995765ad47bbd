from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapr.model.configuration import Configuration
from scrapr.model.errors import Conflict, Invalid
from scrapr.model.times import now
from scrapr.roles.config import drafting
from scrapr.roles.config.pools import DEFAULT_PLACES

PLACES: drafting.Places = {"scraper": frozenset({"default", "eu"}), "endpoint": frozenset({"default"})}
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


def body(**parts: Any) -> dict[str, Any]:
    """The thesis's configuration with other `parts`; those called after a scraper's field are put there."""
    inner = {name: parts.pop(name) for name in ("source", "scope", "selector", "paginate") if name in parts}
    return {**THESIS, "scraper": {**THESIS["scraper"], **inner}, **parts}


def wrong_fields(posted: Any) -> dict[str, str | None]:
    with pytest.raises(Invalid) as caught:
        drafting.read_draft(posted, PLACES)
    return {fault.field: fault.allowed for fault in caught.value.fields}


def present(**parts: Any) -> Configuration:
    draft = drafting.read_draft(body(**parts), PLACES)
    return Configuration(id="1", created_at=now(), updated_at=now(), revision=3, **draft.model_dump())


def test_the_configuration_of_the_thesis_is_accepted_unchanged() -> None:
    draft = drafting.read_draft(THESIS, PLACES)
    assert (
        draft.model_dump(exclude={"pool", "key", "collect", "fetch", "inputs", "fields", "removal"}) == THESIS
    )


@pytest.mark.parametrize("host", ["a b", "1.2.3.4.5", "[fe80::1%25eth0]", "a" * 300])
def test_a_source_that_no_scraper_would_visit_is_refused(host: str) -> None:
    assert wrong_fields(body(source=f"http://{host}/")).keys() == {"scraper.source"}


def test_a_source_with_inputs_in_it_is_one_that_scrapers_visit() -> None:
    inputs = {"city": {"type": "text"}, "page": {"type": "integer", "default": 1}}
    drafting.read_draft(body(source="http://x.org/{city}/?page={page}", inputs=inputs), PLACES)


def test_a_user_with_a_colon_is_refused() -> None:
    auth = {"user": "a:b", "password": {"$secret": "p"}}
    assert wrong_fields(body(fetch={"auth": auth})).keys() == {"fetch.auth.user"}


def test_wrong_fetch_options_are_named() -> None:
    assert wrong_fields(body(fetch={"per_host": 0, "proxy": "x"})).keys() == {"fetch.per_host", "fetch.proxy"}
    options = drafting.read_draft(body(fetch={"pace": 0.5}), PLACES).fetch
    assert options is not None
    assert (options.pace, options.robots) == (0.5, None)
    endpoint = {"type": "endpoint", "collection": "c", "fetch": {}}
    assert wrong_fields(endpoint) == {"fetch": "null"}


def test_every_wrong_field_is_named_at_once_selectors_and_pool_among_them() -> None:
    posted = body(
        ttl=0, pool="mars", container="me", selector={"title": "h3[", "item": "p | nofilter"}, paginate="a["
    )
    assert set(wrong_fields(posted)) == {
        "container",
        "ttl",
        "pool",
        "scraper.selector.title",
        "scraper.selector.item",
        "scraper.paginate",
    }


def test_wrong_rules_of_fields_and_of_removal_are_named() -> None:
    rules = {"title": {"type": "word"}, "prize": {"type": "number"}, "item": {"type": "text", "minimum": 1}}
    assert wrong_fields(body(fields=rules, removal={"fall": 2})).keys() == {
        "fields.title.type",
        "fields.prize",
        "fields.item.minimum",
        "removal.fall",
    }
    draft = drafting.read_draft(body(fields={"title": {"required": True}}, removal={"fall": 0.9}), PLACES)
    assert (draft.field_rules["title"].required, draft.removal and draft.removal.fall) == (True, 0.9)
    endpoint = {"type": "endpoint", "collection": "c", "fields": {}, "removal": {}}
    assert wrong_fields(endpoint) == {"fields": "null", "removal": "null"}


def test_a_missing_scraper_is_named_with_the_other_missing_fields() -> None:
    assert set(wrong_fields({"type": "scraper"})) == {"collection", "scraper"}


def test_scope_and_pagination_are_judged_where_other_fields_are_missing() -> None:
    posted = {"scraper": {"scope": "li[", "paginate": "a["}, "ttl": 0}
    assert set(wrong_fields(posted)) >= {"type", "collection", "ttl", "scraper.scope", "scraper.paginate"}


def test_all_parts_that_an_endpoint_has_not_are_named_at_once() -> None:
    posted = {**THESIS, "type": "endpoint", "collection": "a/b", "fetch": {}}
    assert set(wrong_fields(posted)) == {"collection", "scraper", "fetch"}


def test_a_wrong_selector_is_named_with_the_position_of_its_first_wrong_character() -> None:
    with pytest.raises(Invalid) as caught:
        drafting.read_draft(body(selector={"title": "h3 | nofilter"}), PLACES)
    assert [(fault.field, fault.position) for fault in caught.value.fields] == [("scraper.selector.title", 5)]


def test_an_item_without_a_title_needs_a_key_and_the_fields_to_choose_from_are_named() -> None:
    assert wrong_fields(body(selector={"name": "h3", "price": "b"})) == {"key": "name, price"}
    assert drafting.read_draft(body(selector={"name": "h3"}, key=["name"]), PLACES).key == ("name",)


def test_a_key_that_the_selector_does_not_fill_is_refused() -> None:
    assert wrong_fields(body(key=["title", "nmae"])) == {"key[1]": "title, item"}


def test_an_object_without_fields_is_refused() -> None:
    assert "key" in wrong_fields(body(selector={}))


@pytest.mark.parametrize("selector", ["h3", ["li"], ["li | trim"]])
def test_items_that_are_no_objects_have_the_key_value_and_it_is_stored(selector: Any) -> None:
    assert drafting.read_draft(body(selector=selector), PLACES).key == ("value",)


def test_a_missing_selector_is_missing_and_a_null_one_is_no_selector() -> None:
    posted = body()
    del posted["scraper"]["selector"]
    assert set(wrong_fields(posted)) == {"scraper.selector"}
    assert set(wrong_fields(body(selector=None))) == {"scraper.selector"}


@pytest.mark.parametrize(
    "collect", [{"nothing": "list"}, {"item": "title"}], ids=["an unknown field", "into a field that exists"]
)
def test_collect_must_fit_the_selector(collect: dict[str, str]) -> None:
    assert set(wrong_fields(body(collect=collect))) == {f"collect.{next(iter(collect))}"}


def test_two_fields_cannot_gather_in_one_list() -> None:
    assert set(wrong_fields(body(collect={"title": "all", "item": "all"}))) == {"collect.item"}


def test_a_pool_that_does_not_exist_is_refused_with_those_that_do() -> None:
    assert wrong_fields(body(pool="ue")) == {"pool": "default, eu"}
    assert drafting.read_draft(body(pool="eu"), PLACES).pool == "eu"


def test_a_scrapers_place_is_no_place_for_an_endpoint() -> None:
    assert wrong_fields({"type": "endpoint", "collection": "c", "pool": "eu"}) == {"pool": "default"}


@pytest.mark.parametrize("posted", [[], None, 5, "text", {}])
def test_a_body_that_is_no_configuration_is_refused(posted: Any) -> None:
    assert wrong_fields(posted)


def test_a_deeply_nested_selector_is_refused() -> None:
    text = orjson.dumps(body(selector="here")).replace(b'"here"', b'{"title":' * 900 + b'"p"' + b"}" * 900)
    assert wrong_fields(orjson.loads(text))


def test_a_new_collection_gets_an_endpoint_with_the_same_ttl_in_the_default_pool() -> None:
    endpoint = drafting.endpoint_for(drafting.read_draft(body(pool="eu", ttl=7), PLACES))
    assert endpoint is not None
    assert (endpoint.type, endpoint.collection, endpoint.ttl) == ("endpoint", "restaurants", 7)
    assert (endpoint.pool, endpoint.scraper) == ("default", None)


def test_an_endpoint_needs_no_other_configuration() -> None:
    draft = drafting.read_draft({"type": "endpoint", "collection": "c"}, PLACES)
    assert drafting.endpoint_for(draft) is None


def test_what_a_get_answered_can_be_put_back() -> None:
    answered = present(selector="h3").model_dump(mode="json")
    draft = drafting.read_replacement(answered, present(selector="h3"), PLACES)
    assert (draft.scraper, draft.key) == (present(selector="h3").scraper, ("value",))


def test_identity_type_and_collection_cannot_change() -> None:
    answered = {**present().model_dump(mode="json"), "id": "2", "type": "endpoint", "collection": "c"}
    with pytest.raises(Invalid) as caught:
        drafting.read_replacement(answered, present(), PLACES)
    assert {"id", "type", "collection"} <= {fault.field for fault in caught.value.fields}


def test_a_container_can_only_be_put_as_it_is() -> None:
    held = present().model_copy(update={"container": "replica"})
    assert drafting.read_replacement(body(container="replica"), held, PLACES).container is None
    with pytest.raises(Invalid) as caught:
        drafting.read_replacement(body(container="thief"), held, PLACES)
    assert [fault.allowed for fault in caught.value.fields] == ["null, replica"]


def test_a_change_of_an_older_revision_is_a_conflict() -> None:
    with pytest.raises(Conflict):
        drafting.read_replacement(body(revision=2), present(), PLACES)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["scraper", "endpoint"]) | json_values,
        "collection": st.just("c") | json_values,
        "scraper": st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("source", "scope", "selector", "paginate", "limit"), json_values)
        )
        | json_values,
        **dict.fromkeys(("ttl", "pool", "key", "collect", "container", "other"), json_values),
    },
)


@given(bodies | json_values)
def test_any_json_is_a_draft_or_is_refused_with_fields(posted: Any) -> None:
    try:
        held_by = drafting.read_draft(posted, DEFAULT_PLACES).container
    except Invalid as refusal:
        held_by = None if refusal.fields else "a refusal without fields"
    assert held_by is None
