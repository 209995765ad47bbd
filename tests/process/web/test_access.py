"""Who may read and write: the roles' token, and those of a real OpenID provider."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import socketio
from aiohttp import web
from pydantic import SecretStr

from scrapr.runtime.lifecycle import Lifecycle
from scrapr.runtime.settings import DrainSettings
from scrapr.web import keys
from scrapr.web.auth import Guard
from scrapr.web.call import Call
from scrapr.web.ready import Ready
from scrapr.web.role import Role
from scrapr.web.routes import Route
from scrapr.web.server import serving
from scrapr.web.settings import OAuthSettings, WebSettings
from scrapr.web.sockets import Sockets
from tests.conftest import Until
from tests.openid import AUDIENCE, BRIEF, OTHER, Provider, provider

TOKEN = "of-the-roles"
READY = Ready(200, {"Content-Type": "text/plain"}, b"ready", route="/ready-made")


async def answer(_: Call) -> web.Response:
    """What whoever is admitted gets."""
    return web.Response(text="done")


ROUTES = (
    Route("GET", "/things", answer, "Read"),
    Route("POST", "/things", answer, "Write"),
    Route("GET", "/thesis", answer, "Write, as the thesis did", need="write"),
)


class Rooms:
    """Socket.IO for whom the guard lets in."""

    def __init__(self, guard: Guard) -> None:
        async def admit(header: str) -> None:
            await guard.admit(header, "read")

        self._sockets = Sockets(admits=admit)

    def attach(self, app: web.Application, *, ping: float) -> None:
        self._sockets.attach(app, ping=ping)

    async def close(self) -> None:
        await self._sockets.close()


@asynccontextmanager
async def serve(*, private: bool, **oauth: Any) -> AsyncIterator[Asker]:
    """A role that is guarded."""
    settings = WebSettings(token=SecretStr(TOKEN), private=private)
    guard = Guard(settings, OAuthSettings(**{"audience": AUDIENCE, "leeway": 0, **oauth}))
    role = Role(
        name="test",
        home="/things",
        routes=ROUTES,
        push=Rooms(guard),
        quick=lambda request: READY if request.raw_path == "/ready-made" else None,
    )
    lifecycle = Lifecycle(DrainSettings())
    async with (
        serving(role, settings, lifecycle, port=0, close=0.2, guard=guard) as url,
        aiohttp.ClientSession(url) as client,
    ):
        yield Asker(url, client)


class Asker:
    """Somebody who asks, with a token or without."""

    def __init__(self, url: str, client: aiohttp.ClientSession) -> None:
        self.url = url
        self._client = client

    async def ask(self, method: str, path: str, token: str | None = None) -> tuple[int, str]:
        """The status and the challenge."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with self._client.request(method, path, headers=headers) as told:
            return told.status, told.headers.get("WWW-Authenticate", "")

    async def joins(self, **how: Any) -> bool:
        """Whether Socket.IO lets one in."""
        client = socketio.AsyncClient(reconnection=False)
        try:
            await client.connect(self.url, transports=["websocket"], **how)
        except socketio.exceptions.ConnectionError:
            return False
        await client.disconnect()
        return True


@pytest.fixture(scope="module")
def openid(request: pytest.FixtureRequest, free_port: Callable[[], int]) -> Iterator[Provider]:
    """A provider for all tests that do not change it."""
    with provider(request.config, free_port()) as found:
        yield found


async def test_a_token_allows_what_its_scope_says(openid: Provider) -> None:
    reader, writer = openid.token("scrapr:read"), openid.token("scrapr:write mail")
    async with serve(private=False, issuer=openid.url) as role:
        assert await role.ask("GET", "/things") == (200, "")
        for method, path in (("POST", "/things"), ("GET", "/thesis")):
            assert await role.ask(method, path) == (401, "Bearer")
            assert (await role.ask(method, path, writer))[0] == 200
            assert (await role.ask(method, path, TOKEN))[0] == 200
            status, challenge = await role.ask(method, path, reader)
            assert status == 403
            assert 'error="insufficient_scope"' in challenge
            assert 'scope="scrapr:write"' in challenge


async def test_what_is_private_is_read_with_a_token_alone(openid: Provider) -> None:
    reader, writer = openid.token("scrapr:read"), openid.token("scrapr:write")
    async with serve(private=True, issuer=openid.url) as role:
        for path in ("/things", "/v1/things"):
            assert await role.ask("GET", path) == (401, "Bearer")
            assert [(await role.ask("GET", path, each))[0] for each in (reader, writer, TOKEN)] == [200] * 3
            assert (await role.ask("GET", path, openid.token("mail")))[0] == 403
        for path in ("/ping", "/ready", "/metrics", "/openapi.json"):
            assert (await role.ask("GET", path))[0] != 401


async def test_what_is_ready_is_told_to_whom_it_is_meant_for_alone(openid: Provider) -> None:
    reader = openid.token("scrapr:read")
    async with serve(private=True, issuer=openid.url) as role:
        assert (await role.ask("GET", "/ready-made"))[0] == 404
        assert (await role.ask("GET", "/ready-made", TOKEN))[0] == 200
        assert (await role.ask("GET", "/ready-made", reader))[0] == 404
        assert (await role.ask("GET", "/things", reader))[0] == 200
        assert (await role.ask("GET", "/ready-made", reader))[0] == 200
    async with serve(private=False, issuer=openid.url) as role:
        assert (await role.ask("GET", "/ready-made"))[0] == 200


async def test_socket_io_lets_in_who_may_read(openid: Provider) -> None:
    reader = openid.token("scrapr:read")
    async with serve(private=True, issuer=openid.url) as role:
        assert not await role.joins()
        assert not await role.joins(auth={"token": "wrong"})
        assert await role.joins(auth={"token": reader})
        assert await role.joins(headers={"Authorization": f"Bearer {reader}"})
    async with serve(private=False, issuer=openid.url) as role:
        assert await role.joins()


async def test_a_token_that_is_not_for_us_or_no_token_at_all_is_refused(openid: Provider) -> None:
    good = openid.token("scrapr:write")
    head, body, signature = good.split(".")
    wrong = {
        "of another audience": openid.token("scrapr:write", OTHER),
        "with another body": f"{head}.{openid.token('mail').split('.')[1]}.{signature}",
        "cut": f"{head}.{body}.",
        "no token": "x",
        "not ASCII": "é",
    }
    async with serve(private=False, issuer=openid.url) as role:
        for name, token in wrong.items():
            status, challenge = await role.ask("POST", "/things", token)
            assert (status, 'error="invalid_token"' in challenge) == (401, True), name


async def test_a_token_that_is_over_is_refused_though_it_was_good(openid: Provider, until: Until) -> None:
    async with serve(private=False, issuer=openid.url, audience=BRIEF) as role:
        token = openid.token("scrapr:write", BRIEF)

        async def is_refused() -> bool:
            status, challenge = await role.ask("POST", "/things", token)
            return status == 401 and "it is over" in challenge

        await until(is_refused)


async def test_keys_are_rotated_and_an_issuer_that_is_away_keeps_no_known_key_out(
    request: pytest.FixtureRequest, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "AGAIN", 0.0)
    port = free_port()
    async with serve(private=False, issuer=f"http://127.0.0.1:{port}", keys_ttl=0.001) as role:
        assert (await role.ask("POST", "/things", "x"))[0] == 503
        with provider(request.config, port) as openid:
            first, second = openid.token("scrapr:write"), openid.token("scrapr:write")
            assert (await role.ask("POST", "/things", first))[0] == 200
        # Nobody has seen the second one yet; its key is known.
        assert (await role.ask("POST", "/things", second))[0] == 200
        with provider(request.config, port) as openid:
            rotated = openid.token("scrapr:write")
            assert (await role.ask("POST", "/things", rotated))[0] == 200


async def test_an_issuer_that_names_another_is_not_believed(openid: Provider) -> None:
    async with serve(private=False, issuer=openid.url + "/") as role:
        assert (await role.ask("POST", "/things", openid.token("scrapr:write")))[0] == 503
