"""Which format and which encoding a client is given, and what the formats make of odd values."""

from __future__ import annotations

import csv
import gzip
import io
from typing import Any

import brotli
import orjson
import pyarrow as pa
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from pyarrow import parquet

from scrapr.model.errors import NotAcceptable
from scrapr.roles.endpoint import encodings
from scrapr.roles.endpoint.formats import kinds
from scrapr.roles.endpoint.formats.csv_text import Csv
from scrapr.roles.endpoint.formats.parquet import Parquet
from scrapr.roles.endpoint.formats.rss import Rss
from scrapr.roles.endpoint.formats.writing import Subject, Told
from scrapr.roles.endpoint.observed import Observed


@pytest.mark.parametrize(
    ("accept", "name"),
    [
        ("", "json"),
        ("*/*", "json"),
        ("text/csv, */*", "csv"),
        ("text/csv;q=0.5, application/json", "json"),
        ("application/x-ndjson;q=0.2, text/*;q=0.1", "jsonl"),
        ("text/*", "csv"),
        ("application/jsonl", "jsonl"),
        ("application/rss+xml, application/xml;q=0.9, */*;q=0.8", "rss"),
        ("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", "json"),
        ("application/json;q=0, */*", "jsonl"),
        ("APPLICATION/VND.APACHE.PARQUET ; q=1", "parquet"),
    ],
)
def test_the_format_is_the_one_that_the_client_likes_best(accept: str, name: str) -> None:
    assert kinds.accepted(accept).name == name


@pytest.mark.parametrize("accept", ["text/event-stream", "image/*", "*/*;q=0", "application/json;q=0"])
def test_what_none_of_ours_fits_is_refused(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        kinds.accepted(accept)


@given(st.text(), st.text())
def test_any_header_is_answered(accept: str, encoding: str) -> None:
    try:
        assert kinds.accepted(accept) in kinds.ALL
    except NotAcceptable:
        assert "/" in accept
    assert encodings.choose(encoding) in {"", *encodings.ENCODERS}


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("", ""),
        ("identity", ""),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, br;q=0.9", "gzip"),
        ("*", "zstd"),
        ("gzip;q=0, *;q=0.1", "zstd"),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", "br"),
        ("deflate", ""),
        ("GZIP", "gzip"),
    ],
)
def test_the_encoding_is_the_one_that_the_client_likes_best(accepted: str, encoding: str) -> None:
    assert encodings.choose(accepted) == encoding


@given(st.binary(max_size=3000))
def test_what_is_encoded_is_decoded_by_others(body: bytes) -> None:
    assert gzip.decompress(encodings.encode(body, "gzip")) == body
    assert brotli.decompress(encodings.encode(body, "br")) == body
    assert zstd.decompress(encodings.encode(body, "zstd")) == body
    assert encodings.encode(body, "") == body


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
values = st.none() | st.booleans() | st.integers(-99, 99) | texts | st.lists(texts, max_size=2)


@given(st.lists(st.fixed_dictionaries({"a": values, "b": values}), max_size=4))
def test_csv_is_read_back_as_it_was_written_and_calls_nothing(items: list[dict[str, Any]]) -> None:
    writer = Csv(Subject("c", "http://c", None, {}, ("a", "b"), 300))
    body = writer.begin() + writer.write([Told(1, orjson.dumps(item)) for item in items]) + writer.end()
    header, *rows = csv.reader(io.StringIO(body.decode(), newline=""))
    assert header == ["a", "b"]
    assert len(rows) == len(items)
    for row, item in zip(rows, items, strict=True):
        for cell, value in zip(row, (item["a"], item["b"]), strict=True):
            if isinstance(value, str):
                assert cell in (value, f"'{value}")
                assert cell[:1] not in tuple("=@\t\r")
            elif isinstance(value, list):
                assert orjson.loads(cell.removeprefix("'")) == value


@given(st.dictionaries(texts.filter(bool), values, max_size=4))
def test_any_item_is_well_formed_rss(item: dict[str, Any]) -> None:
    writer = Rss(Subject("c", "http://c/ü?a=b&c", None, {}, (), 300))
    body = writer.begin() + writer.write([Told(7, orjson.dumps(item))]) + writer.end()
    found = etree.fromstring(body)
    assert found.findtext("channel/item/guid") == "urn:scrapr:c:7"
    assert found.findtext("channel/item/title")
    assert found.findtext("channel/item/link")


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=5,
)


def write_parquet(*items: dict[str, Any]) -> pa.Table:
    observed = Observed()
    for item in items:
        observed.see(item)
    writer = Parquet(Subject("c", "http://c", None, observed.item.schema(), (), 300))
    body = writer.begin() + writer.write([Told(1, orjson.dumps(item)) for item in items]) + writer.end()
    return parquet.read_table(io.BytesIO(body))


@given(st.lists(st.fixed_dictionaries({"a": json_values, "b": json_values}), min_size=1, max_size=4))
def test_parquet_takes_whatever_items_hold(items: list[dict[str, Any]]) -> None:
    assert write_parquet(*items).num_rows == len(items)


@pytest.mark.parametrize(
    ("values", "kind", "told"),
    [
        ([["x"], [None], []], pa.list_(pa.string()), [["x"], [None], []]),
        ([[1], [2.5]], pa.list_(pa.float64()), [[1.0], [2.5]]),
        ([[{"a": 1}], []], pa.string(), ['[{"a":1}]', "[]"]),
        ([[1, "x"], None], pa.string(), ['[1,"x"]', None]),
        ([2**53 + 1, 0.5], pa.float64(), [float(2**53), 0.5]),
    ],
)
def test_lists_of_one_kind_are_lists_in_parquet_and_all_others_json(
    values: list[Any], kind: pa.DataType, told: list[Any]
) -> None:
    column = write_parquet(*({"a": value} for value in values)).column("a")
    assert (column.type, column.to_pylist()) == (kind, told)
