"""Calls to peers: found, bounded, tried again when the world is wrong, refused in our words when we are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from scrapr.client.datasource import DatasourceClient
from scrapr.client.settings import ClientSettings
from scrapr.client.transport import Transport, at, open_session
from scrapr.model import errors
from scrapr.model.batch import Epoch
from scrapr.model.collection import Collection
from scrapr.model.problem import describe
from tests.conftest import Until

SETTINGS = ClientSettings(timeout=0.5, tries=3)
FRAGILE = ClientSettings(timeout=0.2, tries=1, breaker_failures=2, breaker_rest=0.2)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def peer(
    handler: Handler, *, token: str = "", settings: ClientSettings = SETTINGS
) -> AsyncIterator[Transport]:
    """A transport to a role that answers everything with `handler`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with open_session(settings, token) as session:
            yield Transport(session, at(f"http://127.0.0.1:{runner.addresses[0][1]}"), settings)
    finally:
        await runner.cleanup()


def refuse(error: errors.ScraprError) -> web.Response:
    """The answer of a role that refuses."""
    problem = describe(error)
    return web.Response(
        body=problem.model_dump_json(), status=problem.status, content_type="application/problem+json"
    )


async def test_a_name_is_no_path_and_no_query() -> None:
    asked: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        asked.append(request.raw_path)
        return web.Response(status=204)

    async with peer(handle) as transport:
        datasource = DatasourceClient(transport)
        await datasource.drop("rest?force=true")
        await datasource.drop("../webhooks/é#%2F", force=True)
        await datasource.drop("\udcff")
        for name in ("", ".", ".."):
            with pytest.raises(errors.Refused, match="is no name"):
                await datasource.drop(name)
    assert asked == [
        "/v1/collections/rest%3Fforce=true",
        "/v1/collections/..%2Fwebhooks%2F%C3%A9%23%252F?force=true",
        "/v1/collections/%FF",
    ]


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


async def test_a_client_is_told_which_role_is_silent_and_not_where_it_is(
    free_port: Callable[[], int],
) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    async with aiohttp.ClientSession() as session:
        transport = Transport(session, at(address), FRAGILE, name="The datasource")
        for _ in range(3):  # the last time it is not called any more
            with pytest.raises(errors.Unavailable, match=address) as refused:
                await transport.call("GET", "/v1/things")
            told = describe(refused.value).detail
            assert told == "The datasource does not answer; try again in a moment"


def test_a_peer_is_a_url() -> None:
    with pytest.raises(errors.Refused, match="http://host:port"):
        at("localhost:3000")


def state_of(transport_peer: str) -> float | None:
    """What the metric tells of the circuit to a peer."""
    return REGISTRY.get_sample_value("scrapr_breaker_state", {"peer": transport_peer})


async def test_a_peer_that_hangs_is_left_alone_then_asked_once_and_trusted_again(until: Until) -> None:
    asked, healed = [], asyncio.Event()

    async def handle(_: web.Request) -> web.Response:
        asked.append(1)
        await healed.wait()
        return web.json_response("well")

    async with peer(handle, settings=FRAGILE) as transport:
        there = await transport.locate()
        with capture_logs() as logs:
            for _ in range(2):
                with pytest.raises(errors.Unavailable):
                    await transport.call("GET", "/v1/things")
            with pytest.raises(errors.Unavailable, match="left alone") as refused:
                await transport.call("GET", "/v1/things")
            assert (len(asked), state_of(there)) == (2, 2.0)
            assert refused.value.retry_after is not None
            healed.set()

            async def answers() -> bool:
                try:
                    return bool(await transport.call("GET", "/v1/things") == "well")
                except errors.Unavailable:
                    return False

            await until(answers)
        assert state_of(there) == 0.0
        changes = [line["event"] for line in logs if line["event"].startswith("peer ")]
        assert changes == ["peer lost", "peer recovered"]


async def test_a_peer_that_failed_just_now_is_called_only_where_there_is_no_other(
    free_port: Callable[[], int],
) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    looks: list[str] = []

    async def handle(_: web.Request) -> web.Response:
        return web.json_response("well")

    async with peer(handle) as transport:
        living = await transport.locate()

        async def locate() -> str:
            looks.append(dead if len(looks) % 3 < 2 else living)
            return looks[-1]

        both = transport.toward(locate)
        assert await both.call("GET", "/v1/things", once=False) == "well"
        assert looks == [dead, dead, living]
        assert [await both.call("GET", "/v1/things", once=True) for _ in range(9)] == ["well"] * 9
        with pytest.raises(errors.Unavailable, match=dead):
            await transport.toward(at(dead)).call("GET", "/v1/things", once=True)


async def test_a_busy_peer_is_no_lost_one() -> None:
    async def handle(_: web.Request) -> web.Response:
        return refuse(errors.Unavailable("busy"))

    async with peer(handle, settings=FRAGILE) as transport:
        for _ in range(5):
            with pytest.raises(errors.Unavailable, match="busy"):
                await transport.call("GET", "/v1/things")


async def test_one_peer_that_hangs_costs_the_others_nothing() -> None:
    hanging = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        hanging.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def answer(_: web.Request) -> web.Response:
        return web.json_response("well")

    settings = ClientSettings(timeout=60, tries=1, at_once=3)
    async with peer(hang, settings=settings) as slow, peer(answer, settings=settings) as quick:
        other = slow.toward(quick.locate)
        async with asyncio.TaskGroup() as group:
            stuck = [group.create_task(slow.call("GET", "/v1/things")) for _ in range(150)]
            await hanging.wait()
            assert await other.call("GET", "/v1/things") == "well"
            for task in stuck:
                task.cancel()


async def test_what_a_newer_peer_answers_is_read_as_far_as_it_is_known() -> None:
    async def handle(_: web.Request) -> web.Response:
        return web.json_response({"epoch": 3, "mood": "good"})

    async with peer(handle) as transport:
        assert (await transport.get(Epoch, "/")).epoch == 3
