"""What a page is, is told by its body; where that is the text in UTF-8 it goes along as it came."""

from __future__ import annotations

import asyncio
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from scrapr.extraction.extract import extract
from scrapr.extraction.rules import compile_rules
from scrapr.fetching.page import Page, Request, Validators
from scrapr.fetching.reading import IN_THREAD, read_page
from scrapr.fetching.transfer import Answer

URL_READ = "http://h.example/"
RULES = compile_rules({"text": "p", "all": ["*@html"]})


def read(body: bytes, content_type: str = "text/html", known: str | None = None) -> Page:
    answer = Answer(URL(URL_READ), 200, {"Content-Type": content_type}, body, len(body), 0.1)
    request = Request(URL_READ, validators=Validators(body_hash=known))
    return asyncio.run(read_page(answer, request, limit=10**7, seconds=0.1, retries=0, waited={}))


@given(body=st.binary(max_size=60) | st.text(max_size=30).map(lambda text: text.encode(errors="ignore")))
@pytest.mark.parametrize("label", ["", "; charset=utf-8", "; charset=iso-8859-1", "; charset=utf-16"])
def test_what_goes_along_is_the_text(label: str, body: bytes) -> None:
    page = read(b"<p>" + body, f"text/html{label}")
    assert page.encoded is None or page.encoded.decode() == page.text
    here, there = (extract(RULES, page.text, page.url, encoded) for encoded in (None, page.encoded))
    assert (here.value, here.matches) == (there.value, there.matches)


def test_a_page_in_utf8_goes_along_as_it_came() -> None:
    body = "<p>Grüße".encode()
    assert read(body).encoded is body


@pytest.mark.parametrize(
    "body", [b"\xef\xbb\xbf<p>x", b"<p>\xff\xfe", "<p>\ufffd".encode(), b"<p>" + b"x" * IN_THREAD],
    ids=["a mark", "what is not UTF-8", "a replacement", "a long page"],
)  # fmt: skip
def test_others_are_their_text_alone(body: bytes) -> None:
    page = read(body, "text/html; charset=utf-8")
    assert page.encoded is None
    assert page.text.startswith("<p>")


@pytest.mark.parametrize("name", ["ETag", "Last-Modified"])
@pytest.mark.parametrize(
    ("told", "kept"), [('"é"', '"é"'), ('"\udcff"', None), ('"a\x01"', None), ("", None)]
)
def test_a_validator_that_is_no_text_is_not_remembered(name: str, told: str, kept: str | None) -> None:
    answer = Answer(URL(URL_READ), 200, {name: told}, b"<p>x", 4, 0.1)
    page = asyncio.run(read_page(answer, Request(URL_READ), limit=10**7, seconds=0.1, retries=0, waited={}))
    assert (page.validators.etag or page.validators.last_modified) == kept


@pytest.mark.parametrize("padding", [b"", bytes(100)])
def test_a_file_of_gzip_is_read_to_its_end(padding: bytes) -> None:
    body = gzip.compress(b"<p>one") + gzip.compress(b"<p>two") + padding
    assert read(body, "application/gzip").text == "<p>one<p>two"


def test_nothing_goes_along_of_an_unchanged_page() -> None:
    first = read(b"<p>x")
    again = read(b"<p>x", known=first.validators.body_hash)
    assert (again.unchanged, again.text, again.encoded) == (True, "", None)
