"""The proxy by itself: it opens a connection only where the address guard lets it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from scrapr.fetching.proxy import Proxy
from tests.process.fetching.conftest import guarded_socket, plain_settings


class Names(AbstractResolver):
    """Every name is the same address."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - aiohttp names it
    ) -> list[ResolveResult]:
        kind = socket.AF_INET6 if ":" in self._address else socket.AF_INET
        return [ResolveResult(hostname=host, host=self._address, port=port, family=kind, proto=0, flags=0)]

    async def close(self) -> None:
        return None


async def say(proxy: Proxy, *parts: bytes) -> bytes:
    host, port = proxy.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for part in parts:
            writer.write(part)
        return await asyncio.wait_for(reader.read(), 30)
    finally:
        writer.close()


@pytest.mark.parametrize(
    "authority",
    ["169.254.169.254:80", "10.0.0.1:443", "[::1]:443", "[::ffff:10.0.0.1]:80", "2852039166:80", "0x7f.2:80",
     "127.0.0.2:80", "0.0.0.0:80", "[fe80::1]:80", "localhost:80", "8.8.8.8:22"],
)  # fmt: skip
@pytest.mark.parametrize(
    "form", ["CONNECT {} HTTP/1.1\r\n\r\n", "GET http://{}/ HTTP/1.1\r\nHost: x\r\n\r\n"]
)
async def test_what_the_guard_refuses_is_not_connected(authority: str, form: str) -> None:
    opened: list[Any] = []

    def open_none(info: Any) -> socket.socket:
        opened.append(info)
        raise OSError("a test connects to nothing")

    async with Proxy(plain_settings(), "127.0.0.1", open_socket=open_none) as proxy:
        answer = await say(proxy, form.format(authority).encode())
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert len(proxy.refused) == 1
    assert not opened


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "::1", "169.254.169.254"])
async def test_a_name_is_judged_by_its_address(address: str) -> None:
    proxy = Proxy(plain_settings(), "127.0.0.1", resolver=Names(address), open_socket=guarded_socket)
    async with proxy:
        assert (await say(proxy, b"CONNECT shop.example:443 HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 403 ")


async def test_the_page_s_own_host_is_reached_both_ways(serve: Any) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text=f"{request.method} {request.path_qs} {await request.text()}")

    url = await serve(answer)
    authority = url.removeprefix("http://").encode()
    async with Proxy(plain_settings(), "127.0.0.1", open_socket=guarded_socket) as proxy:
        plain = await say(proxy, b"POST %b/a?b HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc" % url.encode())
        tunnel = await say(
            proxy,
            b"CONNECT %b HTTP/1.1\r\n\r\n" % authority,
            b"GET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        )
        assert plain.endswith(b"POST /a?b abc")
        assert tunnel.startswith(b"HTTP/1.1 200 Connection established\r\n\r\n")
        assert tunnel.endswith(b"GET /c ")
        assert proxy.taken > len(plain) / 2


async def test_a_page_takes_no_more_than_its_bytes(serve: Any) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"x" * 5_000_000)

    url = await serve(answer)
    settings = plain_settings(browser_bytes=100_000)
    async with Proxy(settings, "127.0.0.1", open_socket=guarded_socket) as proxy:
        assert len(await say(proxy, b"GET %b/ HTTP/1.1\r\n\r\n" % url.encode())) <= 100_000
        assert proxy.is_exhausted
        assert (await say(proxy, b"GET %b/ HTTP/1.1\r\n\r\n" % url.encode())).startswith(b"HTTP/1.1 403 ")


async def test_a_proxy_of_no_page_refuses_everything(serve: Any) -> None:
    async with Proxy(plain_settings(), None, open_socket=guarded_socket) as proxy:
        assert (await say(proxy, b"CONNECT 127.0.0.1:80 HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize("noise", [b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\r\n\r\n", b"x" * 100_000])
async def test_noise_ends_the_connection(noise: bytes) -> None:
    async with Proxy(plain_settings(), "127.0.0.1", open_socket=guarded_socket) as proxy:
        try:
            answer = await say(proxy, noise)
        except ConnectionError:
            answer = b""
    assert answer in (b"", b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


async def test_what_is_open_is_closed_with_the_page(serve_raw: Any) -> None:
    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    url = await serve_raw(keep)
    async with Proxy(plain_settings(), "127.0.0.1", open_socket=guarded_socket) as proxy:
        host, port = proxy.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"CONNECT %b HTTP/1.1\r\n\r\n" % url.removeprefix("http://").encode())
        await reader.readuntil(b"\r\n\r\n")
    assert await asyncio.wait_for(reader.read(), 30) == b""
    writer.close()
