"""Redirects are followed like a careful browser: few, and no secret leaves its origin."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from aiohttp import web
from pydantic import SecretStr

from scrapr.fetching.client import Client
from scrapr.fetching.errors import FetchFailed
from scrapr.fetching.page import Request


def to(location: str, status: int = 302) -> web.Response:
    return web.Response(status=status, headers={"Location": location})


async def fail(client: Client, url: str, **kwargs: Any) -> FetchFailed:
    with pytest.raises(FetchFailed) as caught:
        await client.fetch(Request(url, **kwargs))
    return caught.value


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed_and_the_page_names_its_final_url(
    serve: Any, client: Client, status: int
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/a/b":
            return to("../c?d#e", status)
        return web.Response(text=request.path, content_type="text/html")

    url = await serve(answer)
    page = await client.fetch(Request(f"{url}/a/b"))
    assert (page.url, page.text) == (f"{url}/c?d", "/c")


@pytest.mark.parametrize("name", ["caf\xe9".encode(), b"caf\xe9"], ids=["UTF-8", "Latin-1"])
async def test_bytes_in_a_location_are_asked_for_as_they_came(
    serve_raw: Any, client: Client, name: bytes
) -> None:
    asked: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /" + name + b"\r\nContent-Length: 0\r\n\r\n")
        asked.append(await reader.readline())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")

    page = await client.fetch(Request(await serve_raw(talk)))
    assert unquote_to_bytes(page.url).endswith(b"/" + name)
    assert unquote_to_bytes(asked[0]) == b"GET /" + name + b" HTTP/1.1\r\n"


async def test_five_redirects_are_followed_and_six_are_not(serve: Any, client: Client) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        left = int(request.path[1:])
        return to(f"/{left - 1}") if left else web.Response(text="there", content_type="text/html")

    url = await serve(answer)
    assert (await client.fetch(Request(f"{url}/5"))).text == "there"
    failure = await fail(client, f"{url}/6")
    assert (failure.reason, failure.status, failure.url) == ("redirects", 302, f"{url}/1")


async def test_endless_redirects_end(serve: Any, client: Client) -> None:
    asked = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return to(f"/{len(asked)}")

    assert (await fail(client, await serve(answer))).reason == "redirects"
    assert len(asked) == 6


@pytest.mark.parametrize(
    "location", ["", "http://", "http://[", "http://256.1.1.1/", "ftp://127.0.0.1/", "javascript:x"]
)
async def test_a_redirect_to_nowhere_is_a_failed_page(serve: Any, client: Client, location: Any) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return to(location)

    assert (await fail(client, await serve(answer))).reason in {"redirects", "refused-url"}


async def test_secrets_stay_with_their_origin(serve: Any, client: Client) -> None:
    seen = []

    async def far(request: web.Request) -> web.StreamResponse:
        seen.append(dict(request.headers))
        return to(f"{near_url}/back")

    async def near(request: web.Request) -> web.StreamResponse:
        seen.append(dict(request.headers))
        return to(far_url) if request.path == "/" else web.Response(text="x", content_type="text/html")

    far_url, near_url = await serve(far), await serve(near)
    request = Request(
        near_url,
        headers={"X-Api-Key": SecretStr("s3cret"), "Accept-Language": "de"},
        cookies={"id": SecretStr("s3cret")},
        auth=("me", SecretStr("s3cret")),
    )
    await client.fetch(request)
    assert seen[0]["X-Api-Key"] == "s3cret"
    assert seen[0]["Cookie"] == "id=s3cret"
    assert seen[0]["Authorization"] == "Basic bWU6czNjcmV0"
    for later in seen[1:]:
        assert not {"X-Api-Key", "Cookie", "Authorization"} & later.keys()
        assert later["Accept-Language"] == "de"


async def test_secrets_follow_within_their_origin(serve: Any, client: Client) -> None:
    seen = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("Authorization"))
        return to("/b") if request.path == "/" else web.Response(text="x", content_type="text/html")

    url = await serve(answer)
    page = await client.fetch(Request(url.replace("://", "://me:pw@")))
    assert seen == ["Basic bWU6cHc="] * 2
    assert page.url == f"{url}/b"


@pytest.mark.parametrize(
    ("status", "method"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")]
)
async def test_a_post_becomes_a_get_where_browsers_make_it_one(
    serve: Any, client: Client, status: int, method: Any
) -> None:
    seen = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append((request.method, await request.read(), request.headers.get("Content-Type")))
        return to("/b", status) if request.path == "/" else web.Response(text="x", content_type="text/html")

    request = Request(await serve(answer), method="POST", body=b"q", headers={"Content-Type": "text/x"})
    await client.fetch(request)
    assert seen[1] == (("POST", b"q", "text/x") if method == "POST" else ("GET", b"", None))


async def test_a_body_is_not_carried_to_another_origin(serve: Any, client: Client) -> None:
    seen = []

    async def far(request: web.Request) -> web.StreamResponse:
        seen.append(request.path)
        return web.Response(text="x", content_type="text/html")

    far_url = await serve(far)

    async def near(request: web.Request) -> web.StreamResponse:
        return to(far_url, 307)

    assert (await fail(client, await serve(near), method="POST", body=b"q")).reason == "redirects"
    assert seen == []


async def test_a_user_that_a_redirect_names_is_not_logged_in(serve: Any, client: Client) -> None:
    seen = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("Authorization"))
        if request.path == "/":
            return to(f"http://me:pw@{request.host}/b")
        return web.Response(text="x", content_type="text/html")

    url = await serve(answer)
    assert (await client.fetch(Request(url))).url == f"{url}/b"
    assert seen == [None, None]
