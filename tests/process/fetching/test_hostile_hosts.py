"""Whatever a host sends ends within a limit, with a name, while the event loop goes on."""

from __future__ import annotations

import asyncio
import gzip
import time
import zlib
from typing import Any

import brotli
import orjson
import psutil
import pytest
from aiohttp import web
from backports import zstd

from scrapr.fetching.client import Client
from scrapr.fetching.errors import FetchFailed, FetchUnavailable
from scrapr.fetching.page import Request
from tests.eventloop import unblocked

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
MIB = 2**20


async def fail(client: Client, url: str, **kwargs: Any) -> FetchFailed:
    with pytest.raises(FetchFailed) as caught:
        await client.fetch(Request(url, **kwargs))
    return caught.value


def bomb(coding: str) -> bytes:
    """512 MiB of nothing, packed."""
    zeros = bytes(MIB)
    if coding == "gzip":
        packer = zlib.compressobj(9, wbits=31)
        return b"".join(packer.compress(zeros) for _ in range(512)) + packer.flush()
    if coding == "deflate":
        packer = zlib.compressobj(9)
        return b"".join(packer.compress(zeros) for _ in range(512)) + packer.flush()
    if coding == "br":
        press = brotli.Compressor(quality=1)
        packed: bytes = b"".join(press.process(zeros) for _ in range(512)) + press.finish()
        return packed
    squeeze = zstd.ZstdCompressor()
    return b"".join(squeeze.compress(zeros) for _ in range(512)) + squeeze.flush()


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
async def test_a_decompression_bomb_costs_no_more_than_the_limit(
    serve: Any, client: Client, coding: str
) -> None:
    body = bomb(coding)

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, content_type="text/html", headers={"Content-Encoding": coding})

    url = await serve(answer)
    before = psutil.Process().memory_info().rss
    async with unblocked():
        failure = await fail(client, url)
    assert failure.reason == "too-large"
    assert "expanded from" in failure.detail
    assert psutil.Process().memory_info().rss - before < 64 * MIB


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
async def test_a_compressed_page_is_read(serve: Any, client: Client, coding: str) -> None:
    pack = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstd.compress}[
        coding
    ]
    page = b"<p>" + b"text " * 40_000

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=pack(page), content_type="text/html", headers={"Content-Encoding": coding})

    read = await client.fetch(Request(await serve(answer)))
    assert read.text == page.decode()
    assert read.size == len(pack(page))


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("body", [b"not compressed at all", b"\x1f\x8b\x08broken"])
async def test_a_body_that_does_not_decompress_is_a_failed_page(
    serve: Any, client: Client, coding: str, body: bytes
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, content_type="text/html", headers={"Content-Encoding": coding})

    assert (await fail(client, await serve(answer))).reason == "decompression"


@pytest.mark.parametrize("coding", ["compress", "gzip, br", "x-unknown", "gzip, gzip"])
async def test_a_coding_that_was_not_asked_for_is_a_failed_page(
    serve: Any, client: Client, coding: str
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"x", content_type="text/html", headers={"Content-Encoding": coding})

    assert (await fail(client, await serve(answer))).reason == "decompression"


async def test_a_body_that_says_it_is_too_long_is_not_read(serve_raw: Any, client: Client) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Content-Length: 99999999999\r\n\r\n<p>")
        await writer.drain()
        await reader.read()

    failure = await fail(client, await serve_raw(talk))
    assert (failure.reason, failure.status) == ("too-large", 200)


async def test_a_body_without_end_is_cut_at_the_limit(serve_raw: Any, client: Client) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"\r\n")
        while True:
            writer.write(b"<p>" * 10_000)
            await writer.drain()

    async with unblocked():
        assert (await fail(client, await serve_raw(talk))).reason == "too-large"


async def test_a_body_of_exactly_the_limit_is_a_page(serve: Any, connect: Any) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"x" * int(request.path[1:]), content_type="text/html")

    client = await connect(body_limit=1000)
    url = await serve(answer)
    assert len((await client.fetch(Request(f"{url}/1000"))).text) == 1000
    assert (await fail(client, f"{url}/1001")).reason == "too-large"


async def test_a_body_that_trickles_ends_when_the_time_is_over(serve_raw: Any, connect: Any) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    client = await connect(timeout=0.3, silence_timeout=0.2)
    started = time.monotonic()
    failure = await fail(client, await serve_raw(talk))
    assert failure.reason == "timeout"
    assert time.monotonic() - started > 0.25


async def test_a_host_that_falls_silent_is_left(serve_raw: Any, connect: Any) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Content-Length: 10\r\n\r\nx")
        await writer.drain()
        await reader.read()

    client = await connect(timeout=30, silence_timeout=0.2)
    failure = await fail(client, await serve_raw(talk))
    assert failure.reason == "timeout"
    assert "silent" in failure.detail


async def test_a_host_that_never_answers_is_left(serve_raw: Any, connect: Any) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    client = await connect(timeout=0.3)
    assert (await fail(client, await serve_raw(talk))).reason == "timeout"


@pytest.mark.parametrize(
    "head",
    [b"X: " + b"a" * 10 * MIB, b"\r\n".join(b"X-%d: a" % n for n in range(200_000)), b"a" * 10 * MIB],
    ids=["one long header", "very many headers", "no header at all"],
)
async def test_megabytes_of_headers_are_not_read(serve_raw: Any, client: Client, head: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + head + b"\r\n\r\n<p>")
        await writer.drain()

    before = psutil.Process().memory_info().rss
    async with unblocked():
        failure = await fail(client, await serve_raw(talk))
    assert failure.reason == "headers"
    assert psutil.Process().memory_info().rss - before < 64 * MIB


@pytest.mark.parametrize(
    "answer",
    [b"nonsense\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"\x16\x03\x01\x02\x00", b"HTTP/1.1 200 OK\r\nA\x00: b\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"],
)  # fmt: skip
async def test_what_is_not_http_is_a_failed_page(serve_raw: Any, client: Client, answer: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    assert (await fail(client, await serve_raw(talk))).reason in {"protocol", "disconnected", "headers"}


@pytest.mark.parametrize(
    "rest",
    [b"Content-Length: 100\r\n\r\n<p>", b"Transfer-Encoding: chunked\r\n\r\n5\r\n<p>",
     b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
     b"Transfer-Encoding: chunked\r\n\r\n-1\r\nxx\r\n"],
)  # fmt: skip
async def test_a_body_that_breaks_off_is_a_failed_page(serve_raw: Any, client: Client, rest: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + rest)
        await writer.drain()

    failure = await fail(client, await serve_raw(talk))
    assert failure.reason in {"disconnected", "protocol"}


async def test_a_host_that_hangs_up_is_a_failed_page(serve_raw: Any, client: Client) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    assert (await fail(client, await serve_raw(talk))).reason == "disconnected"


async def test_endless_interim_answers_end_when_the_time_is_over(serve_raw: Any, connect: Any) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    client = await connect(timeout=0.3)
    assert (await fail(client, await serve_raw(talk))).reason == "timeout"


async def test_a_validator_of_bytes_that_are_no_text_is_as_none(serve_raw: Any, client: Client) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b'ETag: "\xff"\r\nLast-Modified: \xe9\r\nContent-Length: 1\r\n\r\nx')
        await writer.drain()

    url = await serve_raw(talk)
    page = await client.fetch(Request(url))
    assert orjson.dumps(page.validators)
    assert (await client.fetch(Request(url, validators=page.validators))).unchanged


@pytest.mark.parametrize(
    "charset",
    ["utf-8", "windows-1252", "gb18030", "big5", "shift_jis", "utf-16", "utf-32", "hex", "zip", "x"],
)
async def test_ten_megabytes_of_broken_text_do_not_stop_the_loop(
    serve: Any, client: Client, charset: str
) -> None:
    body = b"<p>" + b"\x81\xff\x80" * 3_000_000

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, headers={"Content-Type": f"text/html; charset={charset}"})

    url = await serve(answer)
    async with unblocked():
        page = await client.fetch(Request(url))
    assert page.text
    assert page.charset not in {"hex", "zip", "x"}


async def test_hostile_answers_leave_no_connection_and_the_client_usable(
    serve: Any, serve_raw: Any, client: Client
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Content-Length: 1000\r\n\r\n" + b"x" * 100)
        await writer.drain()
        writer.transport.abort()

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text="fine", content_type="text/html")

    bad, good = await serve_raw(talk), await serve(answer)
    for _ in range(20):
        with pytest.raises(FetchUnavailable):
            await client.fetch(Request(bad))
    assert (await client.fetch(Request(good))).text == "fine"
