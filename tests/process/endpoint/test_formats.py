"""What is told in other formats than JSON, read back by parsers that are not ours."""

from __future__ import annotations

import csv
import gzip
import io
import subprocess
import sys
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import aiohttp
import brotli
import orjson
import pyarrow as pa
import pytest
from backports import zstd
from lxml import etree
from pyarrow import parquet

from tests.conftest import Until
from tests.process.endpoint.world import Endpoint, World

HARD = 'a "quoted", text\r\nof two lines'
DECODE: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": zstd.decompress,
}
ITEMS = "/v1/collections/letters/items"


@pytest.fixture
async def endpoint(world: World, until: Until) -> Endpoint:
    """An endpoint whose collection has 2,503 items, of which the first three are odd."""
    endpoint = await world.start_endpoint(check=3600, wait=30)
    await world.add("letters")
    await world.send("letters", HARD, price=1, url="https://example.org/a?b=c&d=ü")
    await world.send("letters", "=1+1", price=-2.5, note="</item>\x0b&", item="one")
    await world.send("letters", "-5", price=None, extra={"a": [1]})
    await world.send("letters", *(f"t{n}" for n in range(2500)), price=7)

    async def has_all() -> bool:
        return (await endpoint.get(f"{ITEMS}?limit=1")).headers.get("X-Collection-Version") == "2503"

    await until(has_all)
    return endpoint


async def test_json_lines_tell_all_items_as_json_tells_them_page_by_page(endpoint: Endpoint) -> None:
    told = await endpoint.get(ITEMS, Accept="application/x-ndjson")
    assert told.headers["Content-Type"] == "application/x-ndjson; charset=utf-8"
    items, cursor = [], ""
    while cursor is not None:
        page = (await endpoint.get(f"{ITEMS}?limit=1000{cursor and '&cursor='}{cursor}")).json
        items += page["items"]
        cursor = page["next"]
    assert [orjson.loads(line) for line in told.body.splitlines()] == items
    assert len(items) == 2503


async def test_csv_is_read_as_it_was_meant_and_calls_no_formula(endpoint: Endpoint) -> None:
    told = await endpoint.get(f"{ITEMS}?format=csv")
    assert told.headers["Content-Disposition"] == 'attachment; filename="letters.csv"'
    rows = list(csv.DictReader(io.StringIO(told.body.decode(), newline="")))
    assert len(rows) == 2503
    assert set(rows[0]) == {"title", "price", "url", "note", "items", "extra", "timestamp"}
    assert list(rows[0])[-1] == "timestamp"
    first, second, third = rows[:3]
    assert (first["title"], first["price"], first["note"]) == (HARD, "1", "")
    assert (second["title"], second["price"], second["items"]) == ("'=1+1", "-2.5", '["one"]')
    assert (third["title"], third["price"], third["extra"]) == ("-5", "", '{"a":[1]}')
    cut = await endpoint.get(f"{ITEMS}?format=csv&fields=price,title&limit=1")
    assert cut.body.decode().splitlines()[0] == "price,title"
    assert 'rel="next"' in cut.headers["Link"]


async def test_rss_is_a_feed_of_the_newest_whose_items_have_links(endpoint: Endpoint) -> None:
    told = await endpoint.get(ITEMS, Accept="application/rss+xml")
    assert "private" in told.headers["Cache-Control"]
    channel = etree.fromstring(told.body).find("channel")
    assert channel is not None
    assert channel.findtext("title") == "letters"
    assert (channel.findtext("link") or "").startswith(endpoint.url)
    items = channel.findall("item")
    assert [item.findtext("title") for item in items[:2]] == ["t2499", "t2498"]
    assert len({item.findtext("guid") for item in items}) == 100
    assert all((item.findtext("link") or "").startswith("http://") for item in items)
    assert parsedate_to_datetime(items[0].findtext("pubDate") or "").year >= 2024
    odd = etree.fromstring((await endpoint.get(f"{ITEMS}?format=rss&price[lte]=1&sort=-price")).body)
    assert odd.findtext("channel/item/link") == "https://example.org/a?b=c&d=%C3%BC"
    assert (
        odd.findall("channel/item")[1].findtext("description")
        == 'price: -2.5\nnote: </item>&\nitems: ["one"]'
    )


async def test_parquet_has_typed_columns(endpoint: Endpoint) -> None:
    told = await endpoint.get(ITEMS, Accept="application/vnd.apache.parquet")
    table = parquet.read_table(io.BytesIO(told.body))
    assert table.num_rows == 2503
    types = {name: table.schema.field(name).type for name in ("title", "price", "items", "extra")}
    assert types == {
        "title": pa.string(),
        "price": pa.float64(),
        "items": pa.list_(pa.string()),
        "extra": pa.string(),
    }
    assert table.column("title").to_pylist()[:3] == [HARD, "=1+1", "-5"]
    assert table.column("price").to_pylist()[:3] == [1.0, -2.5, None]
    assert table.column("items").to_pylist()[1] == ["one"]


async def test_what_no_format_of_ours_fits_is_refused_by_name(endpoint: Endpoint) -> None:
    refused = await endpoint.get(ITEMS, Accept="image/png, application/json;q=0")
    assert refused.status == 406
    assert "text/csv" in refused.json["detail"]
    named = await endpoint.get(f"{ITEMS}?format=xls", Accept="image/png")
    assert (named.status, named.json["errors"][0]["allowed"]) == (422, "json, jsonl, csv, rss, parquet")
    browser = await endpoint.get(ITEMS, Accept="text/html,application/xml;q=0.9,*/*;q=0.8")
    assert browser.headers["Content-Type"].startswith("application/json")


async def test_answers_are_compressed_as_is_asked_for(endpoint: Endpoint) -> None:
    async with aiohttp.ClientSession(auto_decompress=False) as raw:
        for path in (f"{ITEMS}?limit=50", f"{ITEMS}?sort=price&limit=50", f"{ITEMS}?format=jsonl"):
            plain = await endpoint.get(path, Accept_Encoding="identity")
            assert "Content-Encoding" not in plain.headers
            # Twice: made, and ready.
            for encoding in ("gzip", "br", "zstd") * 2:
                wanted = {"Accept-Encoding": f"{encoding}, *;q=0"}
                async with raw.get(endpoint.url + path, headers=wanted) as told:
                    body = await told.read()
                assert told.headers["Content-Encoding"] == encoding
                assert told.headers["Vary"] == "Accept, Accept-Encoding"
                assert told.headers["ETag"] == plain.headers["ETag"]
                assert len(body) < len(plain.body) / 2
                assert DECODE[encoding](body) == plain.body


def test_without_pyarrow_the_extra_is_named() -> None:
    """In a process of its own, from which pyarrow is hidden."""
    code = """
import sys
sys.modules["pyarrow"] = None
from scrapr.model.errors import NotAcceptable
from scrapr.roles.endpoint.formats import kinds, writing
try:
    writing.writer(kinds.PARQUET, writing.Subject("c", "http://c", None, {}, (), 300))
except NotAcceptable as error:
    print(error.status, error.detail)
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.startswith("406 ")
    assert "scrapr[parquet]" in told.stdout
