"""Whatever the page and the rules: no error but ours, and results that JSON can say."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from scrapr.extraction.extract import Extraction, extract
from scrapr.extraction.rules import Rules, compile_rules
from scrapr.model.errors import FieldError, Invalid, TooLarge

PAGES = sorted((Path(__file__).parents[2] / "pages").glob("*/page.html"))
CSS = st.sampled_from(
    [
        *(
            "*",
            "a",
            "div p",
            "div > p",
            "p ~ a",
            ".x",
            "#i",
            "[a]",
            ":not(p)",
            "p:first-child",
            "a:contains(b)",
        ),
        *(
            "div:has(a)",
            "table > tr",
            "div div div p",
            "a, p",
            ":not(.x) p",
            "p + a",
            "svg *",
            "template *",
            "> p",
        ),
    ]
)
CALLS = [
    *("", "@text", "@html", "@href", "@a", "@value", "@html | html2text", " | trim | number", " | date:de"),
    *(" | json", " | split | join", " | integer | default:0", r' | regex:"(\w+)\d"', " | absolute | slice:3"),
]
LEAF = st.builds(str.__add__, CSS, st.sampled_from(CALLS))
SELECTOR = st.recursive(
    LEAF | LEAF.map(lambda leaf: [leaf]),
    lambda inner: st.one_of(
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3).map(lambda fields: [fields]),
        st.builds(lambda scope, select: {"$scope": scope, "$select": select}, CSS, inner),
        st.builds(lambda css, select: {"$follow": f"{css}@href", "$select": select}, CSS, inner),
    ),
    max_leaves=6,
)
PIECES = [
    *(
        "<div>",
        "</div>",
        "<p class=x>",
        "<a href='/x",
        "'>",
        "<table><tr>",
        "</p>",
        "<svg>",
        "<template>",
        "<!--",
    ),
    *(
        "-->",
        "<a href=http://[ >",
        "<select><option>",
        "<script>",
        "</script>",
        "<b",
        " a=1",
        ">",
        "&#xd800;",
        "\0",
    ),
    *("<i id=i>", "12.5", "<frameset>", "</template>", "<![CDATA[", "<base href=x:>", "\ud800"),
]
PIECE = st.text(max_size=8) | st.sampled_from(PIECES)
PAGE = st.lists(PIECE, max_size=25).map("".join)


def _compile(selector: Any, **parts: Any) -> Rules | tuple[FieldError, ...]:
    try:
        return compile_rules(selector, **parts)
    except Invalid as refused:
        return refused.fields


def _check(found: Extraction) -> None:
    again = orjson.loads(
        orjson.dumps([found.value, found.items, found.next_url, found.matches, found.unconverted])
    )
    assert again[:2] == [found.value, found.items]
    assert all(isinstance(item, dict) for item in found.items)
    assert found.next_url is None or found.next_url.startswith(("http://", "https://"))
    assert all(follow.url.startswith(("http://", "https://")) for follow in found.follows)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(selector=SELECTOR, scope=st.none() | CSS, page=PAGE)
def test_any_page_gives_json_by_any_rules(selector: Any, scope: str | None, page: str) -> None:
    rules = _compile(selector, scope=scope, paginate="a@href")
    if isinstance(rules, Rules):
        _check(extract(rules, page, "http://h.example/dir/page"))


@settings(max_examples=500, deadline=None)
@given(text=st.text(alphabet=st.sampled_from("abh2.#[]()'\"=|@:>+~*, \\-\ud800é\0trim"), max_size=20))
def test_any_text_is_a_selector_or_is_refused_at_a_place_within_it(text: str) -> None:
    rules = _compile({"v": text})
    if isinstance(rules, Rules):
        _check(extract(rules, "<h2>b</h2><a h>t</a>", ""))
    else:
        (error,) = rules
        assert error.field == "scraper.selector.v"
        assert error.position is not None
        assert 0 <= error.position <= len(text)


@settings(max_examples=200, deadline=None)
@given(
    selector=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=6),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.text(max_size=3) | st.sampled_from(["$scope", "$select", "$follow"]), inner, max_size=3
            )
        ),
        max_leaves=8,
    )
)
def test_any_json_is_rules_or_is_refused(selector: Any) -> None:
    rules = _compile(selector, scope="li", paginate="a@href")
    assert isinstance(rules, Rules) or rules


def _mutate(page: str, chance: random.Random) -> str:
    for _ in range(chance.randrange(1, 8)):
        at, length = chance.randrange(len(page)), chance.randrange(1, 400)
        piece = page[chance.randrange(len(page)) :][:length]
        torn = [
            page[:at] + page[at + length :],
            page[:at] + piece + page[at:],
            page[:at] + chance.choice("<>\"'&\0/") + page[at + 1 :],
        ]
        page = chance.choice(torn) or "<"
    return page


@pytest.mark.parametrize("path", PAGES, ids=[path.parent.name for path in PAGES])
def test_a_page_torn_apart_still_gives_json(path: Path) -> None:
    configuration = orjson.loads((path.parent / "configuration.json").read_bytes())["scraper"]
    wild: dict[str, JsonValue] = {
        "all": ["*@html | html2text"],
        "n": {"$scope": ":not(p)", "$select": [{"t": "a b ~ c, a", "v": ["> *"]}]},
    }
    parts = {name: configuration.get(name) for name in ("scope", "paginate")}
    ruled = [compile_rules(configuration["selector"], **parts), compile_rules(wild)]
    chance = random.Random(path.parent.name)
    page = path.read_text()[:20_000]
    for _ in range(60):
        text = _mutate(page, chance)
        for rules in ruled:
            try:
                _check(extract(rules, text, configuration["source"]))
            except TooLarge:
                continue
