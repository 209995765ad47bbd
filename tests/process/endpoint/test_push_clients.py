"""The official client of Socket.IO and a browser's EventSource listen, lose their endpoint and come back."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from scrapr.fetching.settings import FetchSettings
from tests.components import require
from tests.conftest import Until
from tests.npm import install
from tests.process.endpoint.world import Endpoint, World

CLIENTS = Path(__file__).parent / "clients"
LISTEN = """([url, since]) => {
    window.told = [];
    const source = new EventSource(`${url}/v1/collections/letters/changes?since=${since}`);
    for (const name of ["change", "reset"])
        source.addEventListener(name, event => told.push([name, JSON.parse(event.data), event.lastEventId]));
}"""
"""Nothing more: the browser comes back by itself, with the version that it has."""


@pytest.fixture(scope="session")
def clients(request: pytest.FixtureRequest) -> Path:
    """A folder with the socket.io-client of package-lock.json."""
    return install(request.config, CLIENTS)


@pytest.fixture
async def endpoint(world: World, until: Until) -> Endpoint:
    """An endpoint with the collection `letters` at version 3."""
    endpoint = await world.start_endpoint(push_retry=0.1)
    await world.add("letters")
    await until(lambda: holds(endpoint, 0))
    await world.send("letters", "a", "b", "c")
    await until(lambda: holds(endpoint, 3))
    return endpoint


async def lose_and_find(world: World, until: Until) -> None:
    """The endpoint stops, changes come without it, and it is there again."""
    await world.stop("endpoint")
    await world.send("letters", "f")
    await world.start_endpoint(push_retry=0.1)
    await world.send("letters", "g")


async def test_the_official_client_of_socket_io_misses_nothing(
    world: World, endpoint: Endpoint, clients: Path, until: Until
) -> None:
    async with run(clients, endpoint.url, "letters", "1") as told:
        await until(lambda: have(told, 2, 3), seconds=60)
        assert told[0] == ["joined", {"collection": "letters", "version": 1}]
        await world.send("letters", "d", "e", item="é \u2028 \U0001f600")
        await until(lambda: have(told, 2, 3, 4, 5), seconds=60)
        assert told[-1][1]["after"]["items"] == ["é \u2028 \U0001f600"]
        await lose_and_find(world, until)
        await until(lambda: have(told, *range(2, 8)), seconds=60)
        assert ["disconnect", "transport close"] in told
        assert not [body for name, body in told if name == "reset"]


async def test_a_browser_misses_nothing(world: World, endpoint: Endpoint, until: Until) -> None:
    missing = None if FetchSettings().browser.exists() else f"there is no {FetchSettings().browser}"
    require("chromium", missing)
    if importlib.util.find_spec("playwright") is None:
        require("chromium", "the extra scrapr[browser] is not installed")
    from playwright.async_api import async_playwright  # noqa: PLC0415 - it is an extra

    async with async_playwright() as play:
        browser = await play.chromium.launch(
            executable_path=FetchSettings().browser, args=["--no-sandbox", "--no-proxy-server"]
        )
        page = await browser.new_page()  # of no origin: the stream is another's
        await page.evaluate(LISTEN, [endpoint.url, 1])

        async def has(*versions: int) -> bool:
            return [body["version"] for _, body, _ in await page.evaluate("told")] == list(versions)

        await until(lambda: has(2, 3), seconds=60)
        await world.send("letters", "d", "e", item="é \u2028 \U0001f600")
        await until(lambda: has(2, 3, 4, 5), seconds=60)
        told = await page.evaluate("told")
        assert told[-1][1]["after"]["items"] == ["é \u2028 \U0001f600"]
        assert [identity for _, _, identity in told] == ["2", "3", "4", "5"]
        await lose_and_find(world, until)
        await until(lambda: has(*range(2, 8)), seconds=60)
        await browser.close()


@asynccontextmanager
async def run(clients: Path, *arguments: str) -> AsyncIterator[list[Any]]:
    """Run `listen.js`; what it prints, as it comes."""
    told: list[Any] = []

    async def read(stream: asyncio.StreamReader) -> None:
        async for line in stream:
            told.append(orjson.loads(line))  # noqa: PERF401 - each is looked at before the next comes

    process = await asyncio.create_subprocess_exec(
        "node", "listen.js", *arguments, cwd=clients, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.TaskGroup() as group:
        group.create_task(read(process.stdout))
        try:
            yield told
        finally:
            process.kill()
            await process.wait()


async def have(told: list[Any], *versions: int) -> bool:
    return [body["version"] for name, body in told if name == "change"] == list(versions)


async def holds(endpoint: Endpoint, version: int) -> bool:
    answer = await endpoint.get("/v1/collections/letters/items")
    return answer.headers.get("X-Collection-Version") == str(version)
