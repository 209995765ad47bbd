"""What is proposed for feeds, sitemaps, other XML, and JSON."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scrapr.extraction.infer import infer
from scrapr.extraction.proposal import Proposal

URL = "https://n.example/feed"


def propose(text: str) -> Proposal:
    proposal = infer(text, URL)
    assert proposal is not None
    return proposal


def test_a_feed_s_items_with_their_usual_fields() -> None:
    item = (
        "<item><title>Story {0}</title><link>https://n.example/{0}</link>"
        "<pubDate> Mon, 0{0} Jun 2020 10:00:00 GMT </pubDate>"
        "<description><![CDATA[<p>Text {0}</p>]]></description></item>"
    )
    items = item.format(1) + item.format(2)
    proposal = propose(f"<rss><channel><title>News</title><link>/</link>{items}</channel></rss>")
    assert (proposal.scope, proposal.key) == ("item", ("link",))
    assert proposal.selector["pubDate"] == "pubDate | collapse | date"
    assert proposal.found.items[1] == {
        "title": "Story 2",
        "link": "https://n.example/2",
        "pubDate": "2020-06-02T10:00:00+00:00",
        "description": "Text 2",
    }


def test_of_an_entry_s_links_its_page_is_taken_and_what_another_feed_says_comes_last() -> None:
    entry = (
        "<entry><source><title>Blog</title></source><link rel='edit' href='/e'/>"
        "<link rel='alternate' href='/{0}'/><title type='html'>A &lt;b&gt;{0}&lt;/b&gt;</title><id>urn:{0}</id>"
        "<updated>2020-01-0{0}T00:00:00Z</updated><author><name>Ann</name></author>"
        "<summary type='xhtml'><div><p>Text</p></div></summary></entry>"
    )
    proposal = propose(f"<feed><title>All</title>{entry.format(1)}{entry.format(2)}</feed>")
    assert (proposal.scope, proposal.key) == ("entry", ("id",))
    assert proposal.found.items[0] == {
        "link": "https://n.example/1",
        "title": "A 1",
        "id": "urn:1",
        "updated": "2020-01-01T00:00:00+00:00",
        "summary": "Text",
        "source_title": "Blog",
        "author_name": "Ann",
    }


def test_a_sitemap_s_addresses_and_their_dates() -> None:
    entry = "<url><loc>https://n.example/{0}</loc><lastmod>2020-01-0{0}</lastmod></url>"
    proposal = propose(f"<?xml version='1.0'?><urlset>{entry.format(1)}{entry.format(2)}</urlset>")
    assert (proposal.scope, proposal.key) == ("url", ("loc",))
    assert proposal.selector == {"loc": "loc | collapse", "lastmod": "lastmod | collapse | date"}


def test_dates_that_are_none_stay_text() -> None:
    proposal = propose(
        "<sitemapindex><sitemap><loc>/1</loc><lastmod>2020-06</lastmod></sitemap></sitemapindex>"
    )
    assert proposal.found.items == [{"loc": "/1", "lastmod": "2020-06"}]


def test_names_with_a_prefix_and_attributes_with_an_address() -> None:
    item = (
        "<item><i:title>t{0}</i:title><title>T{0}</title><enclosure url='/{0}.mp3'/>"
        "<content:encoded>&lt;p&gt;c</content:encoded><guid>{0}</guid></item>"
    )
    proposal = propose(f"<rss xmlns:i='i' xmlns:content='c'>{item.format(1)}{item.format(2)}</rss>")
    assert proposal.selector == {
        "title": "title | collapse",
        "enclosure": "enclosure@url",
        "guid": "guid | collapse",
        "title2": "i\\:title | collapse",
        "content": "content\\:encoded | html2text",
    }
    assert proposal.found.items[0]["title2"] == "t1"


def test_of_other_xml_what_is_most_often_beside_itself() -> None:
    offers = "".join(f"<Offer id='{n}'><Name>Lamp {n}</Name><price>{n}.5</price></Offer>" for n in range(3))
    text = f"<?xml version='1.0'?><shop><kinds><kind><a>1</a></kind></kinds><offers>{offers}</offers></shop>"
    proposal = propose(text)
    assert (proposal.scope, proposal.key) == ("offers > offer", ("id",))
    assert proposal.found.items[2] == {"id": "2", "name": "Lamp 2", "price": "2.5"}


@pytest.mark.parametrize(
    ("document", "scope", "paginate"),
    [
        ([{"id": 1, "x": "a"}, {"id": 2, "x": "b"}], "$[*]", None),
        ({"n": 2, "next": "/2", "all": [{"id": 1}, {"id": 2}]}, "$.all[*]", "$.next"),
        ({"next": None, "one": [{"id": 1}], "two": [{"id": 1}, {"id": 2}]}, "$.two[*]", None),
        (
            {"_links": {"next": {"href": "https://n.example/2"}}, "d": {"the rows": [{"id": 1}, {"id": 2}]}},
            "$.d['the rows'][*]",
            "$._links.next.href",
        ),
    ],
)
def test_the_longest_list_of_objects_in_json(document: Any, scope: str, paginate: str | None) -> None:
    proposal = propose(orjson.dumps(document).decode())
    assert (proposal.scope, proposal.paginate, proposal.key) == (scope, paginate, ("id",))
    assert [each["id"] for each in proposal.found.items] == [1, 2]
    assert (proposal.found.next_url is None) == (paginate is None)


def test_fields_of_json_are_values_lists_of_them_and_those_one_level_within() -> None:
    row = {
        "sku": "a",
        "the name": "A",
        "shop": {"city": "Ulm"},
        "tags": ["x"],
        "parts": [{"a": 1}],
        "no": None,
    }
    assert propose(orjson.dumps([row]).decode()).selector == {
        "sku": "$.sku",
        "the_name": "$['the name']",
        "shop_city": "$.shop.city",
        "tags": ["$.tags[*]"],
    }


@pytest.mark.parametrize("text", ["[1,", "[1, 2]", "{}", "[{}]", '{"a": [[{"b": 1}]]}', "<rss></rss>"])
def test_nothing_is_proposed_where_nothing_is_listed(text: str) -> None:
    assert infer(text, URL) is None


@given(
    st.recursive(
        st.none() | st.integers(-9, 9) | st.text(), lambda of: st.lists(of) | st.dictionaries(st.text(), of)
    )
)
@example([{"\0": 1}])
def test_any_json_can_be_looked_at(document: Any) -> None:
    infer(orjson.dumps(document).decode(), URL)


@given(st.text(alphabet="<>/abp:tl \"='&;-", max_size=200))
def test_any_xml_can_be_looked_at(text: str) -> None:
    infer(f"<?xml version='1.0'?><a>{text * 2}</a>", URL)
