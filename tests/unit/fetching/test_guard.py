"""Only public addresses at known ports may be visited, and what the settings name."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapr.fetching import guard, target
from scrapr.fetching.errors import FetchRefused

PORTS = (80, 443)

REFUSED = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1",
    "127.1.2.3", "127.255.255.255", "168.63.129.16", "169.254.0.1", "169.254.169.254", "169.254.170.2", "172.16.0.1",
    "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255",
    "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.250", "240.0.0.1",
    "255.255.255.255", "::", "::1", "::2", "::7f00:1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::8.8.8.8", "64:ff9b:1::10.0.0.1", "100::1", "2001::1",
    "2001:0:53aa:64c:0:fbff:80ff:fffe", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::1",
    "2002:808:808::1", "3ffe::1", "3fff::1", "4000::1", "5f00::1", "8000::1", "fc00::1", "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::1", "fe80::a9fe:a9fe", "febf::1", "fec0::1", "ff02::1", "ff05::2", "2606:4700::5efe:7f00:1",
    "2606:4700::200:5efe:a00:1", "fe80::1%eth0", "2606:4700::1%eth0", "localhost", "", "1.2.3",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "126.255.255.255",
          "128.0.0.1", "169.253.255.255", "172.15.255.255", "172.32.0.1", "192.167.1.1", "223.255.255.255",
          "2606:4700:4700::1111", "2a00:1450::1", "2001:4860:4860::8888"]  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    refusal = guard.judge(address, 80, allow=(), ports=PORTS)
    assert refusal is not None
    assert refusal.reason == "refused-address"


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_visited(address: str) -> None:
    assert guard.judge(address, 443, allow=(), ports=PORTS) is None


def test_a_port_that_is_not_named_is_refused() -> None:
    for port in (0, 22, 25, 6379, 27017, 2375):
        refusal = guard.judge("1.1.1.1", port, allow=(), ports=PORTS)
        assert refusal is not None
        assert refusal.reason == "refused-port"


def test_an_allowed_network_is_open_at_any_port_and_opens_nothing_else() -> None:
    allow = (ip_network("10.1.0.0/16"), ip_network("fd00::/8"))
    assert guard.judge("10.1.2.3", 6379, allow=allow, ports=PORTS) is None
    assert guard.judge("fd00::1", 9999, allow=allow, ports=PORTS) is None
    for address in (
        "10.2.0.1",
        "127.0.0.1",
        "::ffff:10.1.2.3",
        "2002:a01:203::1",
        "64:ff9b::10.1.2.3",
        "::10.1.2.3",
    ):
        assert guard.judge(address, 80, allow=allow, ports=PORTS) is not None
    assert guard.judge("10.1.2.3", 0, allow=allow, ports=PORTS) is not None


def test_one_allowed_address_opens_no_neighbour() -> None:
    allow = (ip_network("169.254.169.254"),)
    assert guard.judge("169.254.169.254", 80, allow=allow, ports=PORTS) is None
    assert guard.judge("169.254.169.253", 80, allow=allow, ports=PORTS) is not None


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_is_never_reached_through_ipv6_forms_that_embed_it(number: int) -> None:
    v4 = IPv4Address(number)
    low, high = number, number >> 16
    for form in (
        f"::ffff:{v4}",
        f"::{v4}",
        f"64:ff9b::{v4}",
        f"2002:{high:x}:{low & 0xFFFF:x}::1",
        f"2001:0:{high:x}:{low & 0xFFFF:x}::",
        f"2606:4700::5efe:{v4}",
    ):
        assert guard.special(IPv6Address(form)) is not None


@given(st.integers(0, 2**32 - 1))
def test_what_the_standard_library_calls_private_is_never_public(number: int) -> None:
    address = IPv4Address(number)
    if address.is_private or address.is_multicast or address.is_reserved or address.is_link_local:
        assert guard.special(address) is not None


LOOPBACK_SPELLINGS = [
    "127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "127.0.00.1", "0127.0.0.1", "0177.0.0.1", "0177.1", "0x7f.1",
    "0x7F.0.0.1", "0X7F.0.0.0x1", "0x7f000001", "0x7F000001", "2130706433", "017700000001", "0000000000177.0.0.01",
    "127.0x1", "127.0.0x0.1", "127.000000001", "１２７.0.0.1", "①②⑦.0.0.1", "127。0。0。1", "127．0．0．1", "127｡0｡0｡1",
    "%31%32%37.0.0.1", "127%2e0%2e0%2e1", "0x7f.0x0.0x0.0x1", "0x00000000000000007f000001", "127.0.0.1%20"[:-3],
]  # fmt: skip


@pytest.mark.parametrize("host", LOOPBACK_SPELLINGS)
def test_every_spelling_of_an_address_becomes_that_address(host: str) -> None:
    read = target.parse_target(f"http://{host}/x")
    assert read.raw_host in {"127.0.0.1", "87.0.0.1"}
    assert (read.raw_host == "87.0.0.1") == host.startswith("0127")  # octal 127 is 87


@pytest.mark.parametrize(
    ("host", "address"),
    [("0", "0.0.0.0"), ("0x", "0.0.0.0"), ("4294967295", "255.255.255.255"), ("0xA9FEA9FE", "169.254.169.254"),
     ("2852039166", "169.254.169.254"), ("169.16689662", "169.254.169.254"), ("0251.0376.0251.0376", "169.254.169.254"),
     ("[::ffff:169.254.169.254]", "::ffff:a9fe:a9fe"), ("[0:0:0:0:0:0:0:1]", "::1"),
     ("[::FFFF:7F00:1]", "::ffff:7f00:1"),
     ("user:pw@0x7f.1", "127.0.0.1"), ("8.8.8.8@127.1", "127.0.0.1"), ("127.1:80", "127.0.0.1")],
)  # fmt: skip
def test_odd_hosts_are_read_as_a_socket_would_read_them(host: str, address: str) -> None:
    read = target.parse_target(f"http://{host}/")
    assert isinstance(ip_address(address), IPv4Address if "." in address else IPv6Address)
    assert read.host == address or IPv6Address(read.host or "") == IPv6Address(address)


@pytest.mark.parametrize(
    "host",
    ["4294967296", "256.0.0.1", "1.2.3.4.5", "127.0.0.1.0", "0x1ffffffff", "1.2.3.256", "1.16777216", "08.0.0.1",
     "0x7g.1", "127.0.0.1%00", "127.0.0.1%2f", "[::1%25eth0]", "[fe80::1%eth0]", "exa<mple", "a b", "x.0x7g1x.1",
     "foo.127", "-.1", "%zz", "a..b", ".x", "x" * 300, "[::1", "é\u2028x"],
)  # fmt: skip
def test_a_host_that_is_no_address_and_no_name_is_refused(host: str) -> None:
    with pytest.raises(FetchRefused) as caught:
        target.parse_target(f"http://{host}/")
    assert caught.value.reason == "refused-url"


@pytest.mark.parametrize(
     "host", ["example.org", "EXAMPLE.org", "a-b.c_d.example", "bücher.example", "example.org.", "1a.de",
             "3.example.org", "localhost", "0x7f.example"]
)  # fmt: skip
def test_a_name_stays_a_name(host: str) -> None:
    assert target.parse_target(f"http://{host}/").host in {host, host.lower()}


def test_a_url_loses_its_fragment_and_nothing_else() -> None:
    assert (
        str(target.parse_target("http://u:p@h.de:8080/a%2Fb?c=%20d#e")) == "http://u:p@h.de:8080/a%2Fb?c=%20d"
    )


@given(st.text(max_size=60))
def test_no_text_does_worse_than_a_refusal(text: str) -> None:
    for url in (text, f"http://{text}", f"http://{text}/"):
        try:
            read = target.parse_target(url)
        except FetchRefused:
            continue
        assert read.scheme in {"http", "https"}
        assert read.raw_host
