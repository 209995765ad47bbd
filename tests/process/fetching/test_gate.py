"""No connection is made to an address that the guard refuses, whatever leads there."""

from __future__ import annotations

import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver

from scrapr.fetching import guard
from scrapr.fetching.client import Client
from scrapr.fetching.errors import FetchFailed
from scrapr.fetching.page import Request

PRIVATE = ("10.0.0.1", "127.0.0.1", "169.254.169.254", "192.168.1.1", "100.64.0.1", "fd00::1", "::1", "::ffff:7f00:1",
           "2002:7f00:1::1", "64:ff9b::7f00:1", "fe80::1")  # fmt: skip
PUBLIC = "93.184.215.14"


class Names(AbstractResolver):
    """A resolver with answers of its own: each name's next list of addresses, the last one for ever."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - aiohttp's parameter
    ) -> list[Any]:
        self.asked.append(host)
        left = self.answers[host.replace(".", "_")]
        addresses = left.pop(0) if len(left) > 1 else left[0]
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for address in addresses
        ]

    async def close(self) -> None:
        pass


class Door:
    """Opens no socket that could leave loopback, and knows who came by."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    def __call__(self, info: Any) -> socket.socket:
        self.opened.append(info[4][0])
        if not info[4][0].startswith("127."):
            raise OSError("this test does not visit the world")
        return socket.socket(info[0], info[1], info[2])


@pytest.fixture
def judged(monkeypatch: Any) -> list[tuple[str, bool]]:
    """Each decision at the socket factory: the address, and whether it may be visited."""
    decisions = []
    judge = guard.judge

    def note(host: str, port: int, **kwargs: Any) -> Any:
        refusal = judge(host, port, **kwargs)
        decisions.append((host, refusal is None))
        return refusal

    monkeypatch.setattr(guard, "judge", note)
    return decisions


async def fail(client: Client, url: str) -> FetchFailed:
    with pytest.raises(FetchFailed) as caught:
        await client.fetch(Request(url))
    return caught.value


SPELLINGS = [
    "127.0.0.1", "127.1", "127.0.1", "0177.0.0.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001",
    "127.0.0.1.", "①②⑦.0.0.1", "127。0。0。1", "%31%32%37.0.0.1", "0", "0.0.0.0", "10.0.0.1", "0xa000001",
    "172.16.5.4", "192.168.0.1", "3232235521", "169.254.169.254", "0xA9FEA9FE", "2852039166",
    "0251.0376.0251.0376", "100.100.100.200", "168.63.129.16", "192.0.0.192", "224.0.0.1", "255.255.255.255",
    "240.0.0.1", "198.18.0.1", "192.0.2.1", "[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[::ffff:169.254.169.254]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]",
    "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[fe80::1]", "[fec0::1]",
    "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[2001:db8::1]", "[3fff::1]", "[100::1]",
    "127.0.00.1", "0177.1", "0x7F.0.0.1", "0X7F.0.0.0x1", "0000000000177.0.0.01", "127.0x1", "127.0.0x0.1",
    "127.000000001", "１２７.0.0.1", "127．0．0．1", "127｡0｡0｡1", "127%2e0%2e0%2e1", "0x7f.0x0.0x0.0x1",
    "0x00000000000000007f000001", "0x", "169.16689662", "10.1", "0xc0a80001", "192.168.257", "0254.020.1", "2886729729",
    "[::FFFF:7F00:1]", "[::ffff:10.0.0.1]", "[64:ff9b::10.0.0.1]", "[2002:a00:1::]", "[febf::1]", "[fd12:3456::1]",
    "[2606:4700::5efe:7f00:1]", "[2606:4700::200:5efe:a00:1]", "user:pw@127.0.0.1", "8.8.8.8@127.1",
    "example.org@127.0.0.1", "127.0.0.1:8080", "[::1]:443",
]  # fmt: skip


def test_there_are_more_than_eighty_spellings() -> None:
    assert len(set(SPELLINGS)) > 80


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", SPELLINGS)
async def test_no_spelling_of_a_private_address_is_visited(
    connect: Any, judged: Any, scheme: Any, host: str
) -> None:
    door = Door()
    client = await connect(allow=(), opener=door)
    failure = await fail(client, f"{scheme}://{host}/latest/meta-data/")
    assert failure.reason == "refused-address"
    assert [allowed for _, allowed in judged] == [False]
    assert door.opened == []


@pytest.mark.parametrize("address", PRIVATE)
async def test_no_name_of_a_private_address_is_visited(connect: Any, judged: Any, address: str) -> None:
    door = Door()
    client = await connect(allow=(), opener=door, resolver=Names(evil_test=[[address]]))
    assert (await fail(client, "http://evil.test/")).reason == "refused-address"
    assert judged == [(address, False)]
    assert door.opened == []


async def test_localhost_is_not_visited(connect: Any, judged: Any) -> None:
    door = Door()
    client = await connect(allow=(), opener=door, resolver=Names(localhost=[["127.0.0.1", "::1"]]))
    assert (await fail(client, "http://localhost/")).reason == "refused-address"
    assert judged
    assert door.opened == []


async def test_every_address_of_a_name_is_judged(connect: Any, judged: Any) -> None:
    door = Door()
    names = Names(evil_test=[[PUBLIC, "10.0.0.1", "127.0.0.1", "::1"]])
    client = await connect(allow=(), opener=door, resolver=names)
    await fail(client, "http://evil.test/")
    assert {address for address, allowed in judged if not allowed} == {"10.0.0.1", "127.0.0.1", "::1"}
    assert set(door.opened) == {PUBLIC}


async def test_a_name_that_turns_private_between_two_requests_is_not_visited(
    connect: Any, judged: Any, monkeypatch: Any
) -> None:
    door = Door()
    names = Names(evil_test=[[PUBLIC], ["127.0.0.1"]])
    client = await connect(allow=(), opener=door, resolver=names)
    assert (await fail(client, "http://evil.test/")).reason == "connect"
    client._pool.session(outside=False).connector.clear_dns_cache()  # as ten seconds later
    assert (await fail(client, "http://evil.test/")).reason == "refused-address"
    assert names.asked == ["evil.test"] * 2
    assert ("127.0.0.1", False) in judged
    assert set(door.opened) == {PUBLIC}


@pytest.mark.parametrize("place", ["10.0.0.1", "169.254.169.254", "[::1]", "0xa000001", "localhost:1"])
async def test_a_redirect_to_a_private_place_is_not_followed(
    serve: Any, connect: Any, judged: Any, place: Any
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": f"http://{place}/"})

    door = Door()
    client = await connect(allow=("127.0.0.1/32",), opener=door, resolver=Names(localhost=[["127.0.0.2"]]))
    failure = await fail(client, await serve(answer))
    assert failure.reason == "refused-address"
    assert door.opened == ["127.0.0.1"]
    assert [allowed for _, allowed in judged] == [True, False]


async def test_robots_of_a_private_place_are_not_asked_for(connect: Any, judged: Any) -> None:
    door = Door()
    client = await connect(allow=(), opener=door, robots=True)
    assert (await fail(client, "http://10.0.0.1/")).reason == "refused-address"
    assert door.opened == []


async def test_robots_that_redirect_to_a_private_place_are_not_followed(
    serve: Any, connect: Any, judged: Any
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "http://10.0.0.1/robots.txt"})

    door = Door()
    client = await connect(allow=("127.0.0.1/32",), opener=door, robots=True)
    assert (await fail(client, await serve(answer))).reason == "refused-address"
    assert door.opened == ["127.0.0.1"]


@pytest.mark.parametrize("port", [22, 25, 6379, 27017, 11211])
async def test_only_web_ports_of_public_addresses_are_visited(connect: Any, judged: Any, port: Any) -> None:
    door = Door()
    client = await connect(allow=(), opener=door, resolver=Names(shop_test=[[PUBLIC]]))
    assert (await fail(client, f"http://shop.test:{port}/")).reason == "refused-port"
    assert door.opened == []


async def test_an_allowed_network_is_visited(serve: Any, connect: Any) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text="in", content_type="text/html")

    client = await connect(allow="127.0.0.0/8")
    assert (await client.fetch(Request(await serve(answer, "127.0.0.3")))).text == "in"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1 and 127.0.0.2 that is its own authority, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
    command += [
        "-addext",
        "subjectAltName=IP:127.0.0.1,IP:127.0.0.2",
        "-keyout",
        "key.pem",
        "-out",
        "cert.pem",
    ]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
    return both


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


async def test_a_certificate_that_nobody_vouches_for_is_a_failed_page(
    serve: Any, client: Client, tls: Any
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text="in", content_type="text/html")

    failure = await fail(client, await serve(answer, ssl_context=tls))
    assert failure.reason == "tls"


async def test_a_host_that_does_not_speak_tls_is_a_failed_page(serve: Any, client: Client) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text="in", content_type="text/html")

    url = await serve(answer)
    assert (await fail(client, url.replace("http:", "https:"))).reason in {"tls", "disconnected", "connect"}


async def test_an_authority_of_ones_own_can_be_trusted(
    serve: Any, connect: Any, tls: Any, certificate: Any
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text="in", content_type="text/html")

    client = await connect(ca_file=certificate)
    assert (await client.fetch(Request(await serve(answer, ssl_context=tls)))).text == "in"


async def test_https_never_redirects_to_a_private_place_even_if_that_is_allowed(
    serve: Any, connect: Any, tls: Any, certificate: Any, judged: Any
) -> None:
    asked = []

    async def inside(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response(text="secret", content_type="text/html")

    inside_url = await serve(inside, "127.0.0.2")

    async def outside(request: web.Request) -> web.StreamResponse:
        if request.path == "/here":
            return web.Response(text="same origin", content_type="text/html")
        return web.Response(status=302, headers={"Location": request.query["to"]})

    url = await serve(outside, ssl_context=tls)
    door = Door()
    client = await connect(ca_file=certificate, opener=door)
    assert (await client.fetch(Request(inside_url))).text == "secret"
    asked.clear()
    # The connection to the private place is open and idle, and must not be used.
    assert (await fail(client, f"{url}/?to={inside_url}/x")).reason == "refused-address"
    assert asked == []
    assert (await client.fetch(Request(f"{url}/?to=/here"))).text == "same origin"
