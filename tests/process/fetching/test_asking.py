"""What a configuration sends reaches its source and nobody else."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from scrapr.fetching.client import Client
from scrapr.fetching.errors import FetchFailed, FetchRefused
from scrapr.fetching.page import Request
from scrapr.model.fetch import FetchOptions

SECRET = "s3cr3t-v4lue"
OPTIONS = FetchOptions.model_validate(
    {
        "headers": {"X-Key": {"$secret": "key"}, "Accept-Language": "de"},
        "cookies": {"session": {"$secret": "key"}, "consent": "yes"},
        "auth": {"user": "me", "password": {"$secret": "key"}},
    }
)
PRIVATE = ("X-Key", "Cookie", "Authorization")


class Echo:
    """A site that notes what it is sent."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], str]] = []
        self.leads: dict[str, tuple[int, str]] = {}

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        body = await request.text()
        self.seen.append((request.method, request.path_qs, dict(request.headers), body))
        if request.path in self.leads:
            status, to = self.leads[request.path]
            return web.Response(status=status, headers={"Location": to})
        return web.Response(text="<p>x", content_type="text/html")


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    for host in ("127.0.0.1", "127.0.0.2"):
        (tmp_path / host).mkdir()
    (tmp_path / "127.0.0.1" / "key").write_text(f"{SECRET}\n")
    return tmp_path


@pytest.fixture
async def client(connect: Any, secrets: Path) -> Client:
    client: Client = await connect(secrets=secrets)
    return client


async def test_the_source_gets_headers_cookies_and_login(serve: Any, client: Client) -> None:
    site = Echo()
    url = await serve(site)
    await client.fetch(Request(f"{url}/a", options=OPTIONS, source=f"{url}/a"))
    [(method, _, headers, _)] = site.seen
    assert method == "GET"
    assert headers["X-Key"] == SECRET
    assert headers["Accept-Language"] == "de"
    assert headers["Cookie"] == f"session={SECRET}; consent=yes"
    assert headers["Authorization"] == f"Basic {base64.b64encode(f'me:{SECRET}'.encode()).decode()}"


async def test_further_pages_of_the_origin_get_them_but_no_body(serve: Any, client: Client) -> None:
    site = Echo()
    url = await serve(site)
    options = OPTIONS.model_copy(update={"method": "POST", "body": "x=1"})
    await client.fetch(Request(f"{url}/b", options=options, source=f"{url}/a"))
    [(method, _, headers, body)] = site.seen
    assert (method, body, headers["X-Key"]) == ("GET", "", SECRET)


@pytest.mark.parametrize("host", ["127.0.0.2", "127.0.0.1"])
async def test_another_origin_gets_nothing(serve: Any, client: Client, host: str) -> None:
    site, other = Echo(), Echo()
    url, elsewhere = await serve(site), await serve(other, host)
    await client.fetch(Request(f"{elsewhere}/b", options=OPTIONS, source=f"{url}/a"))
    site.leads["/a"] = (302, f"{elsewhere}/c")
    await client.fetch(Request(f"{url}/a", options=OPTIONS, source=f"{url}/a"))
    assert [path for _, path, _, _ in other.seen] == ["/b", "/c"]
    for _, _, headers, body in other.seen:
        assert not set(PRIVATE) & headers.keys()
        assert SECRET not in f"{headers}{body}"


async def test_options_without_a_source_send_nothing(serve: Any, client: Client) -> None:
    site = Echo()
    url = await serve(site)
    await client.fetch(Request(f"{url}/a", options=OPTIONS))
    assert not set(PRIVATE) & site.seen[0][2].keys()


@pytest.mark.parametrize(
    ("body", "sent", "kind"),
    [
        ("a=1", "a=1", None),
        (
            {"q": ["x", {"$secret": "key"}], "n": None},
            f'{{"q":["x","{SECRET}"],"n":null}}',
            "application/json",
        ),
        ({"$secret": "key"}, SECRET, None),
        (None, "", None),
    ],
)
async def test_a_body_is_posted_to_the_source(
    serve: Any, client: Client, body: Any, sent: str, kind: str | None
) -> None:
    site = Echo()
    url = await serve(site)
    options = FetchOptions.model_validate({"method": "POST", "body": body})
    await client.fetch(Request(f"{url}/a?b", options=options, source=f"{url}/a?b#c"))
    [(method, path, headers, received)] = site.seen
    assert (method, path, received) == ("POST", "/a?b", sent)
    assert kind is None or headers["Content-Type"] == kind


async def test_a_body_is_not_taken_to_another_origin(serve: Any, client: Client) -> None:
    site, other = Echo(), Echo()
    url, elsewhere = await serve(site), await serve(other)
    site.leads["/a"] = (307, f"{elsewhere}/c")
    options = FetchOptions.model_validate({"method": "POST", "body": {"$secret": "key"}})
    with pytest.raises(FetchFailed) as caught:
        await client.fetch(Request(f"{url}/a", options=options, source=f"{url}/a"))
    assert caught.value.reason == "redirects"
    assert not other.seen


async def test_a_secret_belongs_to_its_host(serve: Any, client: Client) -> None:
    site = Echo()
    url = await serve(site, "127.0.0.2")
    with pytest.raises(FetchRefused) as caught:
        await client.fetch(Request(f"{url}/a", options=OPTIONS, source=f"{url}/a"))
    assert caught.value.reason == "refused-request"
    assert "the secret 127.0.0.2/key is not there" in caught.value.detail
    assert not site.seen


@pytest.mark.parametrize(
    "content", [b"\xff" + SECRET.encode(), SECRET.encode() * 10_000, b"a\nb" + SECRET.encode()]
)
async def test_a_secret_that_cannot_be_sent_is_not_shown(
    serve: Any, client: Client, secrets: Path, content: bytes, caplog: Any
) -> None:
    site = Echo()
    url = await serve(site)
    (secrets / "127.0.0.1" / "key").write_bytes(content)
    request = Request(f"{url}/a", options=OPTIONS, source=f"{url}/a")
    with pytest.raises(FetchRefused) as caught:
        await client.fetch(request)
    told = f"{caught.value!r} {caught.value} {vars(caught.value)} {caught.value.__cause__!r} {request!r} {caplog.text}"
    assert SECRET not in told
    assert not site.seen


async def test_a_secret_that_is_changed_is_sent_as_it_is_now(
    serve: Any, client: Client, secrets: Path
) -> None:
    site = Echo()
    url = await serve(site)
    for value in ("one", "two"):
        (secrets / "127.0.0.1" / "key").write_text(value)
        await client.fetch(Request(f"{url}/a", options=OPTIONS, source=f"{url}/a"))
    assert [headers["X-Key"] for _, _, headers, _ in site.seen] == ["one", "two"]
