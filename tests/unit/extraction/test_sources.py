"""Structure that is no HTML: JSON, JSON-LD, microdata, sitemaps and feeds."""

from __future__ import annotations

import pickle
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapr.extraction import xmltree
from scrapr.extraction.extract import Extraction, extract
from scrapr.extraction.rules import compile_rules
from scrapr.model.errors import Invalid, TooLarge

URL = "https://shop.example/api/list?page=1"
LIST = {
    "results": [
        {"name": "Lamp", "price": 12.5, "tags": ["a", "b"], "shop": {"city": "Berlin"}, "url": "/p/1"},
        {"name": "Desk", "price": None, "tags": [], "shop": {"city": "Bonn"}, "id": 7},
    ],
    "next": "list?page=2",
    "odd name": {"x-y": 1, "@id": "k"},
}


def _extract(selector: Any, text: Any, url: str = URL, **parts: Any) -> Extraction:
    rules = compile_rules(selector, **parts)
    return extract(pickle.loads(pickle.dumps(rules)), text if isinstance(text, str) else _dump(text), url)


def _dump(value: Any) -> str:
    return orjson.dumps(value).decode()


@pytest.mark.parametrize(
    ("selector", "value"),
    [
        ("$.next", "list?page=2"),
        ("$.results[0].name", "Lamp"),
        ("$.results[-1].name", "Desk"),
        ("$['odd name']['x-y']", 1),
        ("$['odd name'].@id", "k"),
        ("$..city", "Berlin"),
        (["$..city | upper"], ["BERLIN", "BONN"]),
        (["$..['price']"], [12.5, None]),
        (["$.results[*].tags[*]"], ["a", "b"]),
        (["$.results[*].tags"], [["a", "b"], []]),
        ("$.results[0].tags | join:'+'", "a+b"),
        ("$.results[0].price | number:de", 12.5),
        ("$.results[0].price | suffix:' €'", "12.5 €"),
        ("$.results[1].id | prefix:'/item/' | absolute", "https://shop.example/item/7"),
        ("$.results[7].name | default:none", "none"),
        ("$.absent", None),
        ("$.next.name", None),
        ({"a": "$.absent", "b": "$.results[1].price", "c": "$.next"}, {"b": None, "c": "list?page=2"}),
        (["$.*.@id"], ["k"]),
    ],
)
def test_paths_find_values_of_json(selector: Any, value: Any) -> None:
    assert _extract(selector, LIST).value == value


def test_a_json_document_is_scraped_as_a_page_is() -> None:
    selector = [
        {
            "name": "$.name",
            "shop": {"city": "$.shop.city"},
            "tags": ["$.tags[*]"],
            "each": {"$scope": "$.tags[*]", "$select": [{"tag": "$ | upper"}]},
            "page": {"$follow": "$.url", "$select": "h1"},
        }
    ]
    found = _extract(selector, LIST, scope="$.results[*]", paginate="$.next")
    assert found.next_url == "https://shop.example/api/list?page=2"
    assert [each.url for each in found.follows] == ["https://shop.example/p/1"]
    each = [{"tag": "A"}, {"tag": "B"}]
    assert found.items == [
        {"name": "Lamp", "shop": {"city": "Berlin"}, "tags": ["a", "b"], "each": each},
        {"name": "Desk", "shop": {"city": "Bonn"}, "tags": [], "each": []},
    ]
    assert found.matches["scope"] == 2
    assert found.matches["name"] == 2
    assert found.unconverted == {}


@pytest.mark.parametrize("text", ["<p>no</p>", "{", "[1,", '{"a":' * 200 + "1" + "}" * 200])
def test_what_is_no_json_gives_nothing_and_is_counted(text: str) -> None:
    found = _extract([{"name": "$.name"}], text, scope="$.results[*]")
    assert (found.value, found.matches, found.unconverted) == ([], {"scope": 0, "name": 0}, {"source": 1})


@pytest.mark.parametrize(
    ("selector", "position"),
    [
        ("$.", 2),
        ("$.a[", 4),
        ("$.a['b", 4),
        ("$.a[1:2]", 3),
        ("$.a[0", 3),
        ("$..[0]", 1),
        ("$x", 1),
        ("$.a b", 4),
        ("$.a | nonsense", 6),
        ("$..a..b..c", 10),
    ],
)
def test_a_wrong_path_is_refused_with_its_position(selector: str, position: int) -> None:
    with pytest.raises(Invalid) as caught:
        compile_rules(selector)
    assert [each.position for each in caught.value.fields] == [position]


@pytest.mark.parametrize(
    ("selector", "scope", "field"),
    [
        ([{"a": "h1"}], "$.results[*]", "scraper.selector[0].a"),
        ([{"a": "$.b"}], "li", "scraper.selector[0].a"),
        ([{"a": {"$scope": ".x", "$select": "$.b"}}], "$.r[*]", "scraper.selector[0].a.$scope"),
        ([{"a": {"$scope": "@jsonld", "$select": "$.b"}}], "$.r[*]", "scraper.selector[0].a.$scope"),
        ([{"a": "$.b"}], "@rdfa", "scraper.scope"),
        ([{"a": "$.b"}], "@jsonld(A) b", "scraper.scope"),
        ([{"a": "$.b"}], "$.a | trim", "scraper.scope"),
    ],
)
def test_css_and_paths_are_not_mixed_up(selector: Any, scope: str, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        compile_rules(selector, scope=scope)
    assert [each.field for each in caught.value.fields] == [field]


JSONLD = """<script type="application/ld+json">{"@context": "https://schema.org", "@graph": [
  {"@type": ["Restaurant", "Bar"], "name": "Chuchi", "address": {"@type": "PostalAddress", "locality": "Logroño"}},
  {"@type": "WebPage", "mainEntity": {"@type": "schema:Restaurant", "name": "Inner"}}]}</script>
<script type="application/ld+json">{"broken": </script>
<script type="application/LD+JSON"><!-- [{"@type": "http://schema.org/Restaurant", "name": "Third"}] --></script>
<h1>Title</h1>"""


def test_json_ld_is_found_by_type_wherever_it_is_and_what_is_broken_is_counted() -> None:
    selector = [{"name": "$.name", "town": "$.address.locality"}]
    found = _extract(selector, JSONLD, scope="@jsonld(Restaurant)")
    assert found.items == [{"name": "Chuchi", "town": "Logroño"}, {"name": "Inner"}, {"name": "Third"}]
    assert found.matches["scope"] == 3
    assert found.unconverted == {"@jsonld": 1}
    tops = _extract({"types": {"$scope": "@jsonld", "$select": ["$.@type"]}, "h": "h1"}, JSONLD).value
    assert tops == {
        "types": [["Restaurant", "Bar"], "WebPage", "http://schema.org/Restaurant"],
        "h": "Title",
    }


MICRODATA = """<base href="/b/"><div itemscope itemtype="https://schema.org/Product" itemid="p1" itemref="more nothing">
<h2 itemprop="name alias">Lamp</h2><a itemprop="url" href="l">x</a><img itemprop="image" src="i.png">
<div itemprop="offers" itemscope itemtype="https://schema.org/Offer"><meta itemprop="price" content="12.50">
<data itemprop="sku" value="7">seven</data></div><time itemprop="seen" datetime="2026-01-02">yesterday</time></div>
<div id="more"><i itemprop="colour">red</i><p itemscope itemprop="maker"><b itemprop="name">Ann</b></p></div>
<div itemscope itemref="loop"></div><b id="loop" itemprop="self" itemscope itemref="loop"></b>"""


def test_microdata_is_told_as_the_standard_tells_it() -> None:
    found: Any = _extract(["$"], MICRODATA, scope="@microdata").value
    offer = {"type": ["https://schema.org/Offer"], "properties": {"price": ["12.50"], "sku": ["7"]}}
    assert found[0] == {
        "type": ["https://schema.org/Product"],
        "id": "https://shop.example/b/p1",
        "properties": {
            "name": ["Lamp"],
            "alias": ["Lamp"],
            "url": ["https://shop.example/b/l"],
            "image": ["https://shop.example/b/i.png"],
            "offers": [offer],
            "seen": ["2026-01-02"],
            "colour": ["red"],
            "maker": [{"properties": {"name": ["Ann"]}}],
        },
    }
    assert found[1] == {"properties": {"self": [{"properties": {"self": ["ERROR"]}}]}}
    offers = _extract([{"p": "$.properties.price[0] | number"}], MICRODATA, scope="@microdata(Offer)")
    assert offers.items == [{"p": 12.5}]


def test_microdata_takes_content_on_any_element_as_schema_org_s_examples_do() -> None:
    text = '<p itemscope><b itemprop="price" content="19.9">19,90 €</b><i itemprop="name">Lamp</i></p>'
    assert _extract(["$.properties"], text, scope="@microdata").value == [
        {"price": ["19.9"], "name": ["Lamp"]}
    ]


def test_structured_data_is_looked_for_within_each_element() -> None:
    text = "".join(f'<li itemscope itemprop="x"><b itemprop="n">{n}</b></li>' for n in range(2))
    part = {"$scope": "@microdata", "$select": "$.properties.n[0]"}
    assert _extract([{"n": part}], text, scope="li").items == [{"n": "0"}, {"n": "1"}]


def test_items_that_are_parts_of_each_other_without_end_are_refused() -> None:
    levels = "".join(
        f'<div id="a{n}" itemprop="p" itemscope itemref="a{n + 1} b{n + 1}"></div>'
        f'<div id="b{n}" itemprop="p" itemscope itemref="a{n + 1} b{n + 1}"></div>'
        for n in range(30)
    )
    with pytest.raises(TooLarge):
        _extract(["$.id"], f'<div itemscope itemref="a0"></div>{levels}', scope="@microdata")


RSS = """<?xml version="1.0" encoding="iso-8859-1"?><!-- made by hand -->
<rss version="2.0" xmlns:media="http://m.example"><channel><title>News &amp; more</title><link>https://n.example/</link>
<item><title>One</title><link>https://n.example/1?a=1&amp;b=2</link><pubDate>Mon, 02 Nov 2026 10:00:00 GMT</pubDate>
<description><![CDATA[<p>Hello&nbsp;<b>you</b></p>]]></description><media:content url="https://n.example/1.jpg"/></item>
<item><title>Two&nbsp;and a half</title><link>https://n.example/2</link></item></channel></rss>"""


def test_a_feed_is_scraped_by_the_names_of_its_elements() -> None:
    selector = [
        {
            "title": "title",
            "link": "link",
            "date": "pubDate | date",
            "text": "description | html2text",
            "image": r"media\:content@url",
        }
    ]
    assert _extract(selector, RSS, scope="channel > item").items == [
        {
            "title": "One",
            "link": "https://n.example/1?a=1&b=2",
            "date": "2026-11-02T10:00:00+00:00",
            "text": "Hello you",
            "image": "https://n.example/1.jpg",
        },
        {"title": "Two\xa0and a half", "link": "https://n.example/2"},
    ]


@pytest.mark.parametrize("prolog", ["", '\ufeff<?xml version="1.0"?>\n', "<!-- x -->\n"])
def test_sitemaps_and_atom_are_xml_with_and_without_their_first_line(prolog: str) -> None:
    sitemap = (
        f'{prolog}<urlset xmlns="http://s"><url><loc>https://a.example/?a&amp;b</loc></url><url/></urlset>'
    )
    assert _extract([{"loc": "loc"}], sitemap, scope="urlset > url").items == [
        {"loc": "https://a.example/?a&b"}
    ]
    atom = (
        f'{prolog}<feed><entry><link rel="alternate" href="/e"/><title type="html">T</title></entry></feed>'
    )
    found = _extract([{"l": "link[rel=alternate]@href", "t": "title"}], atom, scope="entry")
    assert found.items == [{"l": "https://shop.example/e", "t": "T"}]


@pytest.mark.parametrize(
    "text",
    [
        "<p>page",
        '<?xml version="1.0"?><!DOCTYPE html><html><p>',
        "<!DOCTYPE html><html>",
        "",
        "x <rss>",
        '<?xml version="1.0"?>',
        "<svg>",
        "<\ud800>",
    ],
)
def test_pages_are_no_xml(text: str) -> None:
    assert not xmltree.is_xml(text)


def test_of_a_broken_feed_what_came_before_is_kept_and_the_fault_is_counted() -> None:
    found = _extract([{"t": "title"}], "<rss><item><title>a</title></item><item><b></rss>", scope="item")
    assert (found.items, found.unconverted) == ([{"t": "a"}], {"source": 1})


def test_entities_that_a_text_declares_are_never_resolved() -> None:
    laughs = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
    found = _extract("x", f'<?xml version="1.0"?>{laughs}<x>&b;</x>')
    assert (found.value, found.unconverted) == ("", {"source": 1})
    outer = '<?xml version="1.0"?><!DOCTYPE x SYSTEM "file:///etc/passwd"><x>&passwd;!</x>'
    assert _extract("x", outer).value == "&passwd;!"


@given(text=st.text(alphabet='<>/?!-[]&;"= xrs\n\ud800', max_size=60))
def test_any_text_can_be_read_as_xml(text: str) -> None:
    xmltree.parse(text)
    xmltree.is_xml("<?xml " + text)


JSON_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=20,
)
STEPS = st.lists(st.sampled_from([".a", ".b", "['c']", "[0]", "[-1]", "[*]", "..a"]), max_size=4)


@given(value=JSON_VALUE, steps=STEPS)
def test_any_path_over_any_json_gives_parts_of_it(value: Any, steps: list[str]) -> None:
    text = f"${''.join(steps)}"
    if text.count("..") > 2:
        return
    found = _extract([text], {"v": value}).value
    assert isinstance(found, list)
    assert all(_dump(part) in _dump({"v": value}) for part in found)
