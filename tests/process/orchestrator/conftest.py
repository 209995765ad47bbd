"""A real zygote, a config that serves pools and their feed, and orchestrators that can be stopped and killed."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from scrapr.client.config import ConfigClient
from scrapr.client.datasource import DatasourceClient
from scrapr.client.settings import ClientSettings
from scrapr.client.transport import Transport, at
from scrapr.fleet import processes
from scrapr.fleet.companion import Companion
from scrapr.fleet.processes import Processes
from scrapr.fleet.replica import Replica
from scrapr.fleet.settings import FleetSettings
from scrapr.model.pool import Pool, Pools
from scrapr.roles.orchestrator import role
from scrapr.roles.orchestrator.settings import OrchestratorSettings
from scrapr.runtime.lifecycle import Exit, Lifecycle
from scrapr.runtime.settings import DrainSettings
from scrapr.web.call import Call
from scrapr.web.push import Push
from scrapr.web.role import Role
from scrapr.web.routes import Route
from scrapr.web.server import serving
from scrapr.web.settings import WebSettings

ZYGOTE = Path(__file__).with_name("zygote_script.py")
ORCHESTRATOR = Path(__file__).with_name("orchestrator_script.py")


@dataclass
class ConfigPeer:
    """The part of config that an orchestrator sees, over real HTTP and Socket.IO; it can go away and come back."""

    port: int
    pools: dict[str, Pool] = field(default_factory=dict)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def come(self) -> None:
        """Serve."""

        async def tell(_: Call) -> Pools:
            return Pools(pools=tuple(self.pools.values()))

        async def admit(_: Any) -> dict[str, Any]:
            return {}

        self._push = Push(room_of=lambda _: "all", admit=admit, token="")
        peer = Role(
            "config", "/pools", (Route("GET", "/pools", tell, "Pools", answer=Pools),), push=self._push
        )
        app = serving(peer, WebSettings(), Lifecycle(DrainSettings()), port=self.port, close=0.1)
        await self._stack.enter_async_context(app)

    async def leave(self) -> None:
        """Serve no more."""
        await self._stack.aclose()

    async def put(self, configurations: int, **other: Any) -> None:
        """Store a pool and tell that there is news."""
        draft = {"role": "scraper", "place": "default", "slots": 1, "replicas_min": 0, **other}
        name = f"{draft['role']}-{draft['place']}"
        self.pools[name] = Pool(name=name, configurations=configurations, **draft)
        await self._push.emit("all", "configurations", {"op": "update"})

    async def remove(self, name: str) -> None:
        """Forget a pool and tell that there is news."""
        del self.pools[name]
        await self._push.emit("all", "pools", {"op": "remove"})


@dataclass
class Orchestrating:
    """A running orchestrator."""

    url: str
    life: asyncio.Task[Exit]
    asked: asyncio.Event
    session: aiohttp.ClientSession

    async def get(self, path: str) -> Any:
        """What it answers."""
        async with self.session.get(self.url + path) as answer:
            return await answer.json()

    async def stop(self) -> Exit:
        """Let it drain."""
        self.asked.set()
        return await self.life


@dataclass
class World:
    """What the tests act on."""

    fleet: Processes
    zygote: Companion
    config: ConfigPeer
    logs: Path
    orchestrate: Callable[..., Awaitable[Orchestrating]]

    @asynccontextmanager
    async def child(self) -> AsyncIterator[Process]:
        """An orchestrator in a process of its own, killed when the block ends."""
        command = [sys.executable, str(ORCHESTRATOR), str(self.fleet._socket), self.config.url]
        process = await asyncio.create_subprocess_exec(*command)
        try:
            yield process
        finally:
            process.kill()
            await process.wait()

    async def running(self) -> dict[str, Replica]:
        """The replicas that run, by name."""
        return {each.name: each for each in await self.fleet.replicas() if each.state == "running"}

    def runs(self, *names: str) -> Callable[[], Awaitable[bool]]:
        """A condition: exactly these run."""

        async def met() -> bool:
            return (await self.running()).keys() == set(names)

        return met


@pytest.fixture
async def world(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[World]:
    """A zygote without replicas, and a config without pools."""
    socket = tmp_path / "z.sock"
    command = [sys.executable, str(ZYGOTE), str(socket)]
    async with AsyncExitStack() as stack:
        zygote = await stack.enter_async_context(
            processes.zygote_process(command, socket, output=tmp_path / "zygote.log")
        )
        fleet, config, logs = Processes(socket), ConfigPeer(free_port()), tmp_path / "logs"
        logs.mkdir()
        await config.come()
        stack.push_async_callback(config.leave)

        async def orchestrate(**settings: Any) -> Orchestrating:
            return await stack.enter_async_context(_orchestrating(fleet, config, logs, settings))

        yield World(fleet, zygote, config, logs, orchestrate)


@asynccontextmanager
async def _orchestrating(
    fleet: Processes, config: ConfigPeer, logs: Path, settings: dict[str, Any]
) -> AsyncIterator[Orchestrating]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        client = ConfigClient(Transport(session, at(config.url), ClientSettings(timeout=2)))
        built = await role.build(
            config=client,
            datasource=DatasourceClient(client.transport),
            fleet=fleet,
            settings=OrchestratorSettings(**{"cooldown": 0.0, "settle": 0.1, **settings}),
            fleet_settings=FleetSettings(logs=logs),
            environment={},
            token="",
        )
        asked, lifecycle = asyncio.Event(), Lifecycle(DrainSettings())
        async with (
            serving(built, WebSettings(), lifecycle, port=0, close=0.1) as url,
            asyncio.TaskGroup() as group,
        ):
            life = group.create_task(lifecycle.live(built.loops, stop=asked, release=built.release))
            running = Orchestrating(url, life, asked, session)
            try:
                yield running
            finally:
                asked.set()
