"""What a robots.txt says to us, however it says it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapr.fetching import robots

HOST = "http://example.org"


def allows(text: str, path: str, product: str = "scrapr") -> bool:
    return robots.parse(text.encode(), product).allow(HOST + path)


@pytest.mark.parametrize(
    ("text", "path", "allowed"),
    [
        ("", "/x", True),
        ("User-agent: *\nDisallow: /", "/x", False),
        ("User-agent: *\nDisallow:", "/x", True),
        ("User-agent: *\nDisallow: /a\nAllow: /a/b", "/a/b/c", True),
        ("User-agent: *\nDisallow: /a*z$", "/abcz", False),
        ("User-agent: *\nDisallow: /a*z$", "/abczx", True),
        ("User-agent: *\nDisallow: /*?q=", "/search?q=1", False),
        ("User-agent: *\nDisallow: /\n\nUser-agent: scrapr\nAllow: /", "/x", True),
        ("User-agent: *\nAllow: /\n\nUser-agent: Scrapr/1.0\nDisallow: /", "/x", False),
        ("User-agent: other\nUser-agent: scrapr\nDisallow: /x", "/x", False),
        ("User-agent: other\nDisallow: /x", "/x", True),
        ("user-agent : SCRAPR # us\ndisallow : /x # not here", "/x", False),
        ("User agent: scrapr\nDisallow: /x", "/x", False),
        ("\ufeffUser-agent: *\nDisallow: /x", "/x", False),
        ("User-agent: *\r\nDisallow: /x\r\n", "/x", False),
        ("User-agent: *\rDisallow: /x\r", "/x", False),
        ("User-agent: scrapr*\nDisallow: /x", "/x", False),
        ("User-agent: *\nDisallow: /%7Ejoe/", "/~joe/x", False),
        ("User-agent: *\nDisallow: /ü", "/%C3%BC", False),
        ("User-agent: *\nDisallow: /", "/robots.txt", True),
    ],
)  # fmt: skip
def test_rules_are_read_as_the_rfc_says(text: str, path: str, allowed: bool) -> None:
    assert allows(text, path) == allowed


def test_a_site_without_rules_allows_all_and_one_that_fails_allows_nothing() -> None:
    assert robots.Rules("scrapr").allow(HOST)
    assert not robots.Rules("scrapr", unreadable=True).allow(HOST)


@pytest.mark.parametrize(
    ("value", "seconds"), [("5", 5), ("0.5", 0.5), ("x", 0), ("-1", 0), ("inf", 0), ("nan", 0)]
)
def test_crawl_delay_is_read(value: str, seconds: float) -> None:
    assert robots.parse(f"User-agent: *\nCrawl-delay: {value}\n".encode(), "scrapr").crawl_delay == seconds


@pytest.mark.parametrize(
    ("user_agent", "product"),
    [
        ("scrapr/1.0 (+https://x)", "scrapr"),
        ("Mozilla/5.0 (compatible)", "mozilla"),
        ("my-bot", "my-bot"),
        ("1x", "*"),
    ],
)
def test_the_product_is_the_first_word(user_agent: str, product: str) -> None:
    assert robots.product_token(user_agent) == product


@given(st.binary(max_size=2_000))
def test_no_bytes_do_harm(body: bytes) -> None:
    robots.parse(body, "scrapr").allow(f"{HOST}/x")


@pytest.mark.parametrize(
    "text",
    ["".join(f"User-agent: b{n}\n" for n in range(15_000)) + "".join(f"Disallow: /{n}\n" for n in range(15_000)),
     "".join(f"User-agent: {'*' * n}scrapr\n" for n in range(600))
     + "".join(f"Disallow: /{n}\n" for n in range(15_000)),
     "User-agent: *\n" + "".join(f"Disallow: /{'*a' * 20}{n}\n" for n in range(9_000)),
     "User-agent: *\nDisallow: /" + "*a" * 250_000, "User-agent: *\n" * 30_000, "x" * 500_000, "\n" * 500_000],
    ids=range(7),
)  # fmt: skip
def test_half_a_megabyte_of_hostile_rules_is_read_in_a_moment(text: str) -> None:
    started = time.perf_counter()
    rules = robots.parse(text.encode()[:512_000], "scrapr")
    rules.allow(HOST + "/" + "a" * 8_000 + "b")
    assert time.perf_counter() - started < 30  # quadratic time would be hours
