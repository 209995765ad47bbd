"""Calls to peers: found, bounded, tried again when the world is wrong, refused in our words when we are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from scrapr.client.settings import ClientSettings
from scrapr.client.transport import Transport, at, open_session
from scrapr.model import errors
from scrapr.model.collection import Collection
from scrapr.model.problem import describe

SETTINGS = ClientSettings(timeout=0.5, tries=3)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def peer(handler: Handler, *, token: str = "") -> AsyncIterator[Transport]:
    """A transport to a role that answers everything with `handler`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with open_session(SETTINGS, token) as session:
            yield Transport(session, at(f"http://127.0.0.1:{runner.addresses[0][1]}"), SETTINGS)
    finally:
        await runner.cleanup()


def refuse(error: errors.ScraprError) -> web.Response:
    """The answer of a role that refuses."""
    problem = describe(error)
    return web.Response(
        body=problem.model_dump_json(), status=problem.status, content_type="application/problem+json"
    )


async def test_what_a_peer_refuses_is_raised_as_what_it_is_and_not_tried_again() -> None:
    asked: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        asked.append(request.path)
        return refuse(errors.StaleEpoch("late"))

    async with peer(handle) as transport:
        with pytest.raises(errors.StaleEpoch, match="late"):
            await transport.call("POST", "/v1/items", body={})
    assert asked == ["/v1/items"]


async def test_a_peer_that_is_unavailable_is_asked_again() -> None:
    asked: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        asked.append(request.path)
        return refuse(errors.Unavailable("busy")) if len(asked) < 3 else web.json_response({"ok": True})

    async with peer(handle) as transport:
        assert await transport.call("GET", "/v1/things") == {"ok": True}
    assert len(asked) == 3


async def test_what_may_happen_but_once_is_not_asked_again() -> None:
    asked: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        asked.append(request.path)
        return refuse(errors.Unavailable("busy"))

    async with peer(handle) as transport:
        with pytest.raises(errors.Unavailable):
            await transport.call("POST", "/v1/configurations", body={}, once=True)
    assert len(asked) == 1


async def test_a_peer_that_hangs_is_unavailable_after_the_timeout() -> None:
    async def hang(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async with peer(hang) as transport:
        with pytest.raises(errors.Unavailable):
            await transport.call("GET", "/v1/things", once=True)


async def test_an_answer_of_another_shape_is_damaged() -> None:
    async def handle(_: web.Request) -> web.Response:
        return web.json_response({"not": "a collection"})

    async with peer(handle) as transport:
        with pytest.raises(errors.Damaged, match="Collection"):
            await transport.get(Collection, "/v1/collections/x")


async def test_the_token_is_shown_to_peers() -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.json_response(request.headers.get("Authorization"))

    async with peer(handle, token="s3cret") as transport:
        assert await transport.call("GET", "/v1/things") == "Bearer s3cret"


async def test_where_nobody_listens_the_peer_is_named(free_port: Callable[[], int]) -> None:
    port = free_port()
    async with aiohttp.ClientSession() as session:
        transport = Transport(session, at(f"http://127.0.0.1:{port}"), SETTINGS)
        with pytest.raises(errors.Unavailable, match=str(port)):
            await transport.call("GET", "/v1/things")


def test_a_peer_is_a_url() -> None:
    with pytest.raises(errors.Refused, match="http://host:port"):
        at("localhost:3000")
