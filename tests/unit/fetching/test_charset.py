"""Bytes become the text that a browser would show."""

from __future__ import annotations

import codecs
import encodings.aliases

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapr.fetching import charset

KOI8 = '<?xml version="1.0" encoding="koi8-r"?>'
GREETING = "Grüße, 你好"


@pytest.mark.parametrize(
    ("body", "header", "text", "name"),
    [
        (b"x", None, "x", "utf-8"),
        (b"", "text/html", "", "utf-8"),
        (GREETING.encode(), "text/html", GREETING, "utf-8"),
        (GREETING.encode(), "text/html; charset=utf-8", GREETING, "utf-8"),
        (codecs.BOM_UTF8 + "ü".encode(), "text/html; charset=latin-1", "ü", "utf-8"),
        (codecs.BOM_UTF16_LE + "ü".encode("utf-16-le"), None, "ü", "utf-16-le"),
        ("ü".encode("utf-16-le"), "text/html; charset=utf-16", "ü", "utf-16-le"),
        ("ü".encode("utf-16-be"), "text/html; charset=utf-16be", "ü", "utf-16-be"),
        ("<meta charset=utf-16>ü".encode(), "text/html", "<meta charset=utf-16>ü", "utf-8"),
        ("<meta charset=utf-16le>ü".encode(), "text/html", "<meta charset=utf-16le>ü", "utf-8"),
        ("ü€".encode("cp1252"), "text/html; charset=ISO-8859-1", "ü€", "cp1252"),
        ("ü€".encode("cp1252"), "text/html", "ü€", "cp1252"),
        ("你好€".encode("gb18030"), 'text/html; charset="gb2312"', "你好€", "gb18030"),
        ("привет".encode("cp1251"), "text/html; charset=windows-1251", "привет", "cp1251"),
        ("<meta charset=shift_jis>日本".encode("shift_jis"), "text/html", "<meta charset=shift_jis>日本", "cp932"),
        (f"{KOI8}да".encode("koi8-r"), "text/xml", f"{KOI8}да", "koi8-r"),
        (b"<!-- <meta charset=big5> -->\xff", None, "<!-- <meta charset=big5> -->ÿ", "cp1252"),
        (b"\xff\xfe\x00", "text/html; charset=utf-8", "\ufffd", "utf-16-le"),
        (b"a\xffb", "text/html; charset=utf-8", "a\ufffdb", "utf-8"),
        (b"x", "text/html; charset=no-such", "x", "utf-8"),
        (b"x", "text/html; charset=utf-7", "x", "utf-8"),
        (b"3c70", "text/html; charset=hex", "3c70", "cp1252"),
        (b"x", "text/html; charset=rot13", "x", "cp1252"),
    ],
)  # fmt: skip
def test_the_charset_is_found_as_browsers_find_it(
    body: bytes, header: str | None, text: str, name: str
) -> None:
    assert charset.decode(body, header) == (text, name)


@pytest.mark.parametrize(
    "name", ["utf-8", "utf-16", "gb18030", "big5", "shift_jis", "euc-jp", "euc-kr", "iso-2022-jp"]
)
@pytest.mark.parametrize("length", [30_000, 300_000])
def test_a_long_body_is_decoded_like_a_short_one(name: str, length: int) -> None:
    text = "日本 x" * length
    codec = "gb18030" if name == "big5" else name
    body = text.encode(codec if name != "utf-16" else "utf-16-le", "replace")
    assert charset.decode(body, f"text/html; charset={codec}")[0].replace("?", "") == text.replace("?", "")


def test_utf8_is_detected_though_the_sample_ends_within_a_character() -> None:
    assert charset.find_charset(b"x" + "ü".encode() * 100_000, None) == ("utf-8", 0)


LABELS = {*encodings.aliases.aliases, *encodings.aliases.aliases.values()}
LABELS |= {"idna", "undefined", "punycode", "unicode_escape", "raw_unicode_escape", "mbcs", "oem"}


@pytest.mark.parametrize("label", sorted(LABELS))
def test_no_bytes_under_any_label_do_harm(label: str) -> None:
    for body in (bytes(range(256)), b"\xff\x80" * 50_000, b"xn--\xff.\\u12\\N{x}", b"+AGE-~{\x1b$B\xff"):
        text, name = charset.decode(body, f"text/html; charset={label}")
        assert isinstance(text, str)
        assert codecs.lookup(name)


@given(st.binary(max_size=400))
def test_no_bytes_without_a_label_do_harm(body: bytes) -> None:
    for content_type in (None, "text/html", body.decode("latin-1")):
        assert isinstance(charset.decode(body, content_type)[0], str)
