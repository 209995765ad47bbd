"""What a browser asks its proxy for is read strictly, and sent on without what is the proxy's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapr.fetching.errors import FetchRefused
from scrapr.fetching.proxy import read_order


def ask(line: str, *fields: str) -> bytes:
    return "\r\n".join([line, *fields, "", ""]).encode("latin-1")


def test_a_tunnel_is_asked_for_by_host_and_port() -> None:
    order = read_order(ask("CONNECT shop.example:443 HTTP/1.1", "Host: shop.example:443"))
    assert (order.url.raw_host, order.url.port, order.head) == ("shop.example", 443, b"")
    assert read_order(ask("CONNECT [::1]:8443 HTTP/1.1")).url.port == 8443
    assert read_order(ask("CONNECT 0x7f.1:80 HTTP/1.1")).url.raw_host == "127.0.0.1"


def test_a_plain_request_is_made_ready_to_be_sent_on() -> None:
    order = read_order(
        ask("POST http://shop.example/a?b=c HTTP/1.1", "Host: other.example", "Proxy-Connection: keep-alive",
            "Connection: keep-alive", "Content-Length: 3", "X: y")
    )  # fmt: skip
    assert order.url.port == 80
    assert order.head == ask(
        "POST /a?b=c HTTP/1.1", "Host: shop.example", "Content-Length: 3", "X: y", "Connection: close"
    )


@pytest.mark.parametrize(
    "line",
    ["GET / HTTP/1.1", "GET https://x.example/ HTTP/1.1", "GET ftp://x.example/ HTTP/1.1", "GET http:/// HTTP/1.1",
     "GET http://me:pass@x.example/ HTTP/1.1", "CONNECT / HTTP/1.1", "CONNECT x.example:99999 HTTP/1.1", "", "GET",
     "GET  http://x.example/ HTTP/1.1", "CONNECT 256.1.1.1:443 HTTP/1.1"],
)  # fmt: skip
def test_what_is_no_request_to_a_proxy_is_refused(line: str) -> None:
    with pytest.raises((FetchRefused, ValueError)):
        read_order(ask(line))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(head: bytes) -> None:
    try:
        order = read_order(head + b"\r\n\r\n")
    except (FetchRefused, ValueError):
        return
    assert order.url.raw_host
