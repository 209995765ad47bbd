"""A secret leaves the process within the request alone."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from scrapr.fetching.client import Client
from scrapr.fetching.errors import FetchFailed, FetchRefused
from scrapr.fetching.hop import first_hop
from scrapr.fetching.page import Request
from scrapr.fetching.settings import FetchSettings

SECRET = "s3cr3t-v4lue"


def secret_request(url: str, **kwargs: Any) -> Request:
    return Request(
        url,
        method="POST",
        headers={"X-Key": SecretStr(SECRET), "X-Plain": SECRET},
        cookies={"session": SecretStr(SECRET)},
        auth=("me", SecretStr(SECRET)),
        body=SECRET.encode(),
        **kwargs,
    )


async def test_no_secret_is_in_a_repr_a_failure_or_a_log(
    serve: Any, client: Client, caplog: Any, capfd: Any
) -> None:
    seen: dict[str, str] = {}

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.update(request.headers, body=await request.text())
        return web.Response(status=500)

    url = await serve(answer)
    request = secret_request(url.replace("://", f"://user:{SECRET}@"))
    with pytest.raises(FetchFailed) as caught:
        await client.fetch(request)
    assert seen["X-Key"] == seen["X-Plain"] == seen["body"] == SECRET
    told = [repr(request), str(request), repr(first_hop(request, FetchSettings())), repr(caught.value)]
    told += [str(caught.value), caught.value.url, caught.value.detail, repr(vars(caught.value)), caplog.text]
    told += capfd.readouterr()
    assert not [text for text in told if SECRET in text]
    assert "X-Key" in repr(request)


async def test_a_page_does_not_repeat_the_password_of_its_url(serve: Any, client: Client) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text="x", content_type="text/html")

    url = await serve(answer)
    page = await client.fetch(Request(url.replace("://", f"://user:{SECRET}@")))
    assert SECRET not in repr(page)
    assert page.url == f"{url}/"


@pytest.mark.parametrize("url", [f"http://u:{SECRET}@127.0.0.1:1/", f"ftp://u:{SECRET}@x/", f"http://u:{SECRET}@127.0.0.1:99999/",
                                 f"http://u:{SECRET}@10.0.0.1/", f"http://u:{SECRET}@256.1.1.1/"])  # fmt: skip
async def test_no_failure_repeats_the_password_of_a_url(client: Client, url: str) -> None:
    with pytest.raises(FetchFailed) as caught:
        await client.fetch(Request(url))
    assert SECRET not in f"{caught.value!r} {caught.value} {caught.value.url} {Request(url)!r}"


@pytest.mark.parametrize(
    ("name", "value"),
    [("Host", "10.0.0.1"), ("content-length", "5"), ("Transfer-Encoding", "chunked"), ("Connection", "x"),
     ("Accept-Encoding", "x"), ("X\r\nY", "1"), ("X", "1\r\nY: 2"), ("X", "1\x00"), ("", "1"), ("X Y", "1"),
     ("X", "a" * 20_000)],
)  # fmt: skip
async def test_a_header_that_would_change_the_message_is_refused(
    client: Client, name: str, value: str
) -> None:
    with pytest.raises(FetchRefused) as caught:
        await client.fetch(Request("http://127.0.0.1:1/", headers={name: value}))
    assert caught.value.reason == "refused-request"


@pytest.mark.parametrize(("name", "value"), [("a", "1; b=2"), ("a", "1\r\nX: 2"), ("a b", "1"), ("a=", "1")])
async def test_a_cookie_that_would_be_two_is_refused(client: Client, name: str, value: str) -> None:
    with pytest.raises(FetchRefused):
        await client.fetch(Request("http://127.0.0.1:1/", cookies={name: value}))


@pytest.mark.parametrize("method", ["DELETE", "CONNECT", "get", "G\r\n", ""])
async def test_a_method_that_scraping_does_not_need_is_refused(client: Client, method: Any) -> None:
    with pytest.raises(FetchRefused) as caught:
        await client.fetch(Request("http://127.0.0.1:1/", method=method))
    assert caught.value.reason == "refused-request"
