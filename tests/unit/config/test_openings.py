from __future__ import annotations

from typing import Any

import pytest

from scrapr.model.errors import Invalid
from scrapr.roles.config import drafting
from scrapr.roles.config.pools import DEFAULT_PLACES

CITY: dict[str, Any] = {"city": {"type": "text", "default": "berlin"}}


def posted(source: str = "http://h/", inputs: Any = None, **scraper: Any) -> dict[str, Any]:
    inner = {"source": source, "selector": {"title": "h3"}, **scraper}
    return {"type": "scraper", "collection": "c", "scraper": inner, "inputs": inputs}


def faults(body: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        drafting.read_draft(body, DEFAULT_PLACES)
    return {fault.field: str(fault) for fault in caught.value.fields}


def test_inputs_may_stand_in_the_source_and_in_all_selectors() -> None:
    body = posted(
        "http://h/{city}?near={city}",
        CITY,
        scope='li[data-city="{city}"]',
        paginate=".next-{city}@href",
        selector=[{"title": "h3#{city}", "tags": {"$scope": ".{city}", "$select": ["li"]}}],
    )
    draft = drafting.read_draft(body, DEFAULT_PLACES)
    assert draft.inputs is not None
    assert draft.inputs["city"].default == "berlin"


def test_a_placeholder_without_an_input_is_refused_by_name() -> None:
    for body in (posted("http://h/{city}"), posted("http://h/{city}", {})):
        assert "{city} is no declared input" in faults(body)["scraper.source"]
    wrong = faults(posted(scope='[x="{a}"]', selector=[{"title": ".{b} h3"}]))
    assert "{a} is no" in wrong["scraper.scope"]
    assert "{b} is no" in wrong["scraper.selector[0].title"]


def test_an_input_that_stands_nowhere_is_refused_by_name() -> None:
    assert set(faults(posted("http://h/{city}", {**CITY, "page": {"type": "integer"}}))) == {"inputs.page"}


@pytest.mark.parametrize(
    "source", ["http://{city}/", "http://h.{city}/x", "http://h/?{city}=1", "http://h/#{city}"]
)
def test_a_placeholder_in_the_host_or_another_place_of_power_is_refused(source: str) -> None:
    assert "{city}" in faults(posted(source, CITY))["scraper.source"]


def test_a_wrong_declaration_is_named() -> None:
    wrong = faults(posted("http://h/{city}", {"city": {"type": "text", "pattern": "(", "default": "x"}}))
    assert set(wrong) == {"inputs.city.pattern"}
    assert set(faults(posted("http://h/{a b}", {"a b": {"type": "text"}}))) >= {"inputs.a b"}


def test_a_default_that_makes_no_path_segment_is_refused() -> None:
    assert set(faults(posted("http://h/{a}/", {"a": {"type": "text", "default": ".."}}))) == {
        "inputs.a.default"
    }


def test_defaults_that_make_no_path_segment_together_are_refused() -> None:
    dots = {name: {"type": "text", "default": "."} for name in "ab"}
    assert set(faults(posted("http://h/{a}{b}/", dots))) == {"inputs.a.default", "inputs.b.default"}


def test_an_endpoint_has_no_inputs() -> None:
    assert set(faults({"type": "endpoint", "collection": "c", "inputs": CITY})) == {"inputs"}


def test_a_regular_expression_with_braces_is_no_placeholder() -> None:
    drafting.read_draft(posted(selector={"title": r"h3 | regex:'\p{Lu}x{2}'"}), DEFAULT_PLACES)
