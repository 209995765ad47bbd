"""Real servers on loopback, and a client that may visit nothing else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import web

from scrapr.fetching.client import Client
from scrapr.fetching.settings import FetchSettings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Serve = Callable[..., Awaitable[str]]
ServeRaw = Callable[[Talk], Awaitable[str]]
Connect = Callable[..., Client]

LOOPBACK = ("127.0.0.0/8",)


def guarded_socket(info: tuple[Any, ...]) -> socket.socket:
    """What opens sockets in all these tests: it would rather fail than leave this machine."""
    assert str(info[4][0]).startswith("127."), f"a test is about to visit {info[4]}"
    return socket.socket(info[0], info[1], info[2])


def plain_settings(**changed: Any) -> FetchSettings:
    """Settings for loopback with all politeness off, so that a test turns on what it is about."""
    quiet: dict[str, Any] = {
        "allow": LOOPBACK, "robots": False, "pace": 0, "adaptive": False, "retries": 0, "timeout": 5,
        "backoff_first": 0.01, "backoff_most": 0.02, "per_host": 64,
    }  # fmt: skip
    return FetchSettings(**(quiet | changed))


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
def serve(stack: AsyncExitStack) -> Serve:
    """Start a server with one handler for all paths; gives its base URL."""

    async def start(handler: Handler, host: str = "127.0.0.1", **kwargs: Any) -> str:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await handler(request)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, host, 0, **kwargs)
        await site.start()
        port = runner.addresses[0][1]
        return f"{'https' if kwargs.get('ssl_context') else 'http'}://{host}:{port}"

    return start


@pytest.fixture
def serve_raw(stack: AsyncExitStack) -> ServeRaw:
    """Start a server that talks bytes; gives its base URL."""

    async def start(talk: Talk) -> str:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await reader.readuntil(b"\r\n\r\n")
                await talk(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        stack.callback(server.close)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    return start


@pytest.fixture
async def connect(stack: AsyncExitStack) -> Callable[..., Awaitable[Client]]:
    """A client with the changed settings; closed after the test."""

    async def make(
        hosts: Any = None, resolver: Any = None, opener: Any = guarded_socket, **changed: Any
    ) -> Client:
        client = Client(plain_settings(**changed), hosts, resolver=resolver, open_socket=opener)
        return await stack.enter_async_context(client)

    return make


@pytest.fixture
async def client(connect: Callable[..., Awaitable[Client]]) -> Client:
    return await connect()
