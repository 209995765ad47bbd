from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scrapr.model.configuration import Configuration, Draft, Scraper
from scrapr.roles.config import document

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,9}", fullmatch=True)
field_names = st.sampled_from(["title", "a.b", "price", "ñ"])
selectors = st.recursive(
    st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(field_names | st.sampled_from(["$scope", "$ref", "$id"]), inner, max_size=3)
    ),
    max_leaves=6,
)
drafts = st.builds(
    Draft,
    type=st.just("scraper"),
    collection=names,
    scraper=st.builds(
        Scraper,
        source=st.just("http://example.org/ñ"),
        selector=selectors,
        scope=st.none() | st.text(max_size=5),
        limit=st.none() | st.integers(1, 9),
    ),
    ttl=st.integers(1, 1000),
    pool=names,
    key=st.none() | st.lists(field_names, min_size=1, max_size=3).map(tuple),
    collect=st.none() | st.dictionaries(field_names, field_names, max_size=2),
    container=st.none(),
)


def fields_of(value: Configuration | Draft) -> dict[str, Any]:
    return {name: getattr(value, name) for name in Draft.model_fields}


@given(drafts)
def test_a_draft_is_read_back_as_it_was_stored(draft: Draft) -> None:
    stored = document.configuration(document.create("1", draft))
    assert fields_of(stored) == fields_of(draft)
    assert (stored.id, stored.revision) == ("1", 1)


@given(drafts)
def test_what_was_stored_does_not_differ_from_its_draft(draft: Draft) -> None:
    assert not document.differs(document.configuration(document.create("1", draft)), draft)


@given(drafts, drafts)
def test_a_replaced_configuration_is_the_other_draft_and_differs_no_more(before: Draft, after: Draft) -> None:
    stored = document.create("1", before)
    update = document.replacement(document.configuration(stored), after)
    changed = document.configuration({**stored, **update["$set"]})
    assert not document.differs(changed, after.model_copy(update={"collection": before.collection}))


def test_a_configuration_that_moves_to_another_pool_is_free() -> None:
    draft = Draft(type="endpoint", collection="c")
    present = document.configuration({**document.create("1", draft), "container": "replica"})
    moved = document.replacement(present, draft.model_copy(update={"pool": "eu"}))["$set"]
    assert (moved["container"], moved["expires_at"]) == (None, None)
    assert "container" not in document.replacement(present, draft.model_copy(update={"ttl": 1}))["$set"]


def test_what_later_versions_add_beside_is_not_in_the_way() -> None:
    stored = document.create("1", Draft(type="endpoint", collection="c"))
    assert document.configuration({**stored, "state": "healthy"}).collection == "c"
