"""A page is fetched as a browser would get it, and what is no page is a named failure."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import pytest
from aiohttp import web

from scrapr.fetching.client import Client
from scrapr.fetching.errors import FetchFailed, FetchRefused, FetchUnavailable
from scrapr.fetching.page import Request
from scrapr.model import errors

PAGE = "<html><body><p>Grüße</p></body></html>"


def html(text: str = PAGE, **kwargs: Any) -> web.Response:
    return web.Response(text=text, content_type="text/html", charset="utf-8", **kwargs)


async def fail(client: Client, url: str, **kwargs: Any) -> FetchFailed:
    with pytest.raises(FetchFailed) as caught:
        await client.fetch(Request(url, **kwargs))
    return caught.value


async def test_a_page_comes_with_its_text_and_what_identifies_it(serve: Any, client: Client) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return html(headers={"ETag": '"1"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"})

    url = await serve(answer)
    page = await client.fetch(Request(f"{url}/a?b=c#part"))
    assert (page.url, page.status, page.text, page.charset) == (f"{url}/a?b=c", 200, PAGE, "utf-8")
    assert (page.content_type, page.size, page.retries) == ("text/html", len(PAGE.encode()), 0)
    assert page.validators.etag == '"1"'
    assert page.validators.body_hash is not None
    assert not page.unchanged
    assert page.waited == {}
    assert 0 < page.seconds < 5


async def test_a_request_says_who_asks_and_what_it_reads(serve: Any, connect: Any) -> None:
    seen: dict[str, str] = {}

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.update(request.headers)
        return html()

    client = await connect(user_agent="scrapr/1", contact="mailto:me@example.org")
    await client.fetch(Request(await serve(answer)))
    assert seen["User-Agent"] == "scrapr/1 (+mailto:me@example.org)"
    assert seen["Accept"].startswith("text/html")
    assert {part.strip() for part in seen["Accept-Encoding"].split(",")} >= {"gzip", "br", "zstd"}
    assert "Cookie" not in seen


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 418, 429, 500, 502, 503, 599])
async def test_a_page_that_answers_with_an_error_is_a_failed_page(
    serve: Any, client: Client, status: int
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return html(status=status)

    url = await serve(answer)
    failure = await fail(client, f"{url}/x")
    assert (failure.reason, failure.status, failure.url) == ("status", status, f"{url}/x")
    assert isinstance(failure, FetchUnavailable)
    assert isinstance(failure, errors.Unavailable)
    assert str(status) in failure.detail


@pytest.mark.parametrize("status", [300, 304, 305])
async def test_an_answer_that_nobody_asked_for_is_a_failed_page(
    serve: Any, client: Client, status: int
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    assert (await fail(client, await serve(answer))).status == status


@pytest.mark.parametrize(
    "kind", ["image/png", "application/pdf", "application/json", "application/octet-stream", "font/woff"]
)
async def test_what_is_not_html_is_refused_before_it_is_read(serve: Any, client: Client, kind: str) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"x" * 10, content_type=kind)

    url = await serve(answer)
    failure = await fail(client, url)
    assert (failure.reason, failure.status) == ("not-html", 200)
    page = await client.fetch(Request(url, expect="any"))
    assert (page.text, page.content_type) == ("x" * 10, kind)


@pytest.mark.parametrize(
    "kind", ["text/html", "application/xhtml+xml", "text/xml", "application/rss+xml", "text/plain"]
)
async def test_what_a_browser_reads_as_a_document_is_taken(serve: Any, client: Client, kind: str) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"<p>x</p>", content_type=kind)

    assert (await client.fetch(Request(await serve(answer)))).text == "<p>x</p>"


async def test_connections_are_kept_and_used_again(serve: Any, client: Client) -> None:
    ports = set()

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        ports.add(request.transport.get_extra_info("peername")[1])
        if request.path == "/404":
            return html(status=404)
        if request.path == "/302":
            raise web.HTTPFound("/")
        return html()

    url = await serve(answer)
    for path in ("/", "/302", "/"):
        await client.fetch(Request(url + path))
    await fail(client, f"{url}/404")
    await client.fetch(Request(url))
    assert len(ports) == 1


async def test_no_cookie_is_kept_between_requests(serve: Any, client: Client) -> None:
    seen = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("Cookie"))
        response = html()
        response.set_cookie("session", "1")
        return response

    url = await serve(answer)
    await client.fetch(Request(url))
    await client.fetch(Request(url))
    assert seen == [None, None]


async def test_a_post_carries_its_body_and_headers(serve: Any, client: Client) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return html(f"{request.method} {request.headers['Content-Type']} {(await request.read()).decode()}")

    request = Request(
        await serve(answer), method="POST", body=b'{"q":1}', headers={"Content-Type": "application/json"}
    )
    assert (await client.fetch(request)).text == 'POST application/json {"q":1}'


async def test_many_pages_are_fetched_at_the_same_time(serve: Any, client: Client) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return html(request.path)

    url = await serve(answer)
    pages = await asyncio.gather(*(client.fetch(Request(f"{url}/{n}")) for n in range(50)))
    assert [page.text for page in pages] == [f"/{n}" for n in range(50)]


@pytest.mark.parametrize(
    "url",
    ["", "x", "/path", "ftp://127.0.0.1/", "file:///etc/passwd", "javascript:1", "http://", "http:///x", "gopher://x",
     "http://127.0.0.1:99999/", "http://exa mple/", "http://a..b/", "data:text/html,x", "http://" + "a" * 9000],
)  # fmt: skip
async def test_only_web_addresses_are_visited(client: Client, url: str) -> None:
    failure = await fail(client, url)
    assert failure.reason == "refused-url"
    assert isinstance(failure, FetchRefused)
    assert isinstance(failure, errors.Refused)


async def test_a_host_that_nobody_serves_is_a_failed_connection(client: Client) -> None:
    assert (await fail(client, "http://127.0.0.1:1/")).reason == "connect"


async def test_a_cancelled_fetch_leaves_its_turn_to_others(serve: Any, connect: Any) -> None:
    gate = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/slow":
            await gate.wait()
        return html()

    url = await serve(answer)
    client = await connect(per_host=1)
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(client.fetch(Request(f"{url}/slow")))
        await asyncio.sleep(0)
        quick = group.create_task(client.fetch(Request(f"{url}/quick")))
        await asyncio.sleep(0)
        slow.cancel()
        assert (await asyncio.wait_for(quick, 5)).text == PAGE
    gate.set()


@pytest.mark.parametrize("kind", ["application/gzip", "application/x-gzip", "application/octet-stream"])
async def test_a_packed_sitemap_is_unpacked(serve: Any, client: Client, kind: str) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=gzip.compress(b"<urlset>\xc3\xbc</urlset>"), content_type=kind)

    page = await client.fetch(Request(await serve(answer), expect="any"))
    assert page.text == "<urlset>ü</urlset>"


@pytest.mark.parametrize(
    ("body", "reason"),
    [(gzip.compress(bytes(50_000_000)), "too-large"), (gzip.compress(b"x" * 9_000)[:40], "decompression"),
     (b"\x1f\x8b\x08" + b"\xff" * 99, "decompression")],
    ids=["a bomb", "cut", "damaged"],
)  # fmt: skip
async def test_a_packed_sitemap_that_is_a_trap_is_a_failed_page(
    serve: Any, client: Client, body: bytes, reason: str
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, content_type="application/gzip")

    assert (await fail(client, await serve(answer), expect="any")).reason == reason
