"""What is proposed for pages: the scope, the fields, and the link to the next page."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapr.extraction import advice
from scrapr.extraction.infer import infer
from scrapr.extraction.nextpage import find
from scrapr.extraction.page import Page

URL = "https://h.example/list"
SITES = Path(__file__).parents[2] / "pages"
DEMO = Path(__file__).parents[3] / "scrapr/demo/site/busqueda/logrono"


@pytest.mark.parametrize("page", ["1", "2", "3", "4"])
def test_the_demo_s_restaurants_are_found_with_all_their_fields(page: str) -> None:
    proposal = infer((DEMO / f"{page}.html").read_text(), URL)
    assert proposal is not None
    assert proposal.scope == "li.resultItem"
    assert list(proposal.selector) == ["name", "url", "address", "phone"]
    assert (proposal.found.next_url is None) == (page == "4")


@pytest.mark.parametrize(
    ("site", "goes_on"), [("restaurants", True), ("shop-de", True), ("news", False), ("table", False)]
)
def test_the_items_of_the_page_cases_are_found(site: str, goes_on: bool) -> None:
    proposal = infer((SITES / site / "page.html").read_text(), URL)
    expected = orjson.loads((SITES / site / "items.json").read_bytes())
    assert proposal is not None
    assert len(proposal.found.items) == len(expected["items"])
    assert (proposal.found.next_url is not None) == goes_on
    assert advice.look_copied(proposal.scope) is None


@pytest.mark.parametrize(
    "text", ["", "<p>one</p>", "<ul><li>same<li>same<li>same</ul>", '{"a": [1, 2, 3]}', "<b>" * 100]
)
def test_nothing_is_proposed_where_nothing_differs(text: str) -> None:
    assert infer(text, URL) is None


@pytest.mark.parametrize(
    ("text", "selector"),
    [
        ('<link rel="prev next" href="/2">', "link[rel~=next]@href"),
        ('<a rel="next" href="/2">x</a>', "a[rel~=next]@href"),
        ('<a class="pager-next" href="/2">x</a>', "a.pager-next@href"),
        ('<li class="next"><a href="/2">x</a></li>', "li.next > a@href"),
        ('<a href="/2">Weiter »</a>', 'a:contains("Weiter")@href'),
        ('<a href="/2"> Página siguiente </a>', None),
        ('<a href="/2">Siguiente página</a>', 'a:contains("Siguiente página")@href'),
        ('<p class="pages"><a href="/2">›</a></p>', 'p.pages > a:contains("›")@href'),
        ('<a aria-label="Next page" href="/2"><svg/></a>', 'a[aria-label="Next page"]@href'),
        ('<a href="/1" aria-current="page">1</a><a href="/2">2</a>', "[aria-current=page] + a@href"),
        ('<li class="active"><b>1</b></li><li><a href="/2">2</a></li>', ".active + li > a@href"),
        ('<a class="next" href="#">x</a>', None),
        ('<a href="/nextcloud">Nextcloud</a>', None),
    ],
)
def test_the_next_page_is_found_by_what_pages_call_it(text: str, selector: str | None) -> None:
    (root,) = Page(text, URL).document.nodes
    assert find(root, URL) == selector


@given(text=st.text(alphabet="<>/abipuldtr \"='cnext", max_size=200))
def test_any_text_can_be_looked_at(text: str) -> None:
    infer(text * 3, URL)
