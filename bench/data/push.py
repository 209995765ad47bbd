"""One change to 10,000 clients of server-sent events and 2,000 of Socket.IO on one endpoint, and the floor.

The time is from the first byte of the batch to the moment when
the last client has heard, so it holds the datasource's work as well; the first batch without listeners that is shown
by the endpoint tells how much that is. The floor is a bare server of uvloop that writes the same bytes to as many bare
connections.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from typing import Any

import uvloop

from bench.data.stage import Stage
from bench.verdicts import Verdict
from tests.conftest import find_free_port
from tests.system.machine import Machine, wait_for

SSE, SOCKET_IO = 10_000, 2_000
CHANGES = 5
COLLECTION = "bench"
GOAL_SECONDS, GOAL_MIB = 2.0, 1536
FRAME = b"id: 1\nevent: change\ndata: {%s}\n\n" % (b"x" * 300)


class Crowd:
    """A process full of listeners."""

    def __init__(self, kind: str, url: str, count: int) -> None:
        words = ["-m", "bench.data.listeners", kind, url, COLLECTION, str(count)]
        self.process = subprocess.Popen(
            [sys.executable, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def read(self) -> dict[str, Any]:
        """The next line that it tells."""
        assert self.process.stdout is not None
        told: dict[str, Any] = json.loads(self.process.stdout.readline())
        return told


@contextmanager
def crowd(kind: str, url: str, count: int) -> Iterator[Crowd]:
    """Listeners, all of whom listen."""
    made = Crowd(kind, url, count)
    try:
        assert made.read() == {"ready": count}
        yield made
    finally:
        made.process.kill()
        made.process.wait()


async def measure(stage: Stage) -> list[Verdict]:
    """All figures."""
    return await asyncio.to_thread(_measure, stage.machine)


def _measure(machine: Machine) -> list[Verdict]:
    floor = statistics.median(_floor())
    machine.post("config", "/v1/configurations", {"type": "endpoint", "collection": COLLECTION})
    wait_for(lambda: machine.get("endpoint", f"/v1/collections/{COLLECTION}/items").status_code == 200)
    alone = statistics.median(_visible(machine, number) for number in range(CHANGES))
    seconds, before, after = _heard(machine)
    figure, worst = statistics.median(seconds), max(seconds)
    what = f"one change heard by {SSE:,} SSE and {SOCKET_IO:,} Socket.IO clients"
    return [
        Verdict(
            f"{what}, median (worst)",
            f"≤ {GOAL_SECONDS} s",
            f"{figure:.2f} ({worst:.2f}) s",
            worst <= GOAL_SECONDS,
        ),
        Verdict("  ÷ bare writes by uvloop", "-", f"{figure / floor:.1f} of {floor:.2f} s", None),
        Verdict("  visible at the endpoint without them", "-", f"{alone:.2f} s", None),
        Verdict(
            f"  memory of the endpoint ({before:.0f} MiB without them)",
            f"≤ {GOAL_MIB} MiB",
            f"{after:.0f} MiB",
            after <= GOAL_MIB,
        ),
    ]


def _send(machine: Machine, title: str) -> None:
    body = {"collection": COLLECTION, "data": [{"title": title, "text": "x" * 100}]}
    assert machine.post("datasource", "/v1/items", body).status_code == 200


def _visible(machine: Machine, number: int) -> float:
    started = time.monotonic()
    _send(machine, f"alone {number}")
    wait_for(lambda: any(item["title"] == f"alone {number}" for item in machine.items(COLLECTION)))
    return time.monotonic() - started


def _heard(machine: Machine) -> tuple[list[float], float, float]:
    """Seconds until all had heard, and the endpoint's memory in MiB before and after."""
    endpoint = machine.role_process("endpoint")
    before, most = endpoint.memory_info().rss / 2**20, 0.0
    seconds = []
    with ExitStack() as stack:
        url = machine.url("endpoint")
        crowds = [stack.enter_context(crowd("sse", url, SSE // 2)) for _ in range(2)]
        crowds.append(stack.enter_context(crowd("socketio", url, SOCKET_IO)))
        for number in range(CHANGES):
            started = time.monotonic()
            _send(machine, f"heard {number}")
            seconds.append(max(each.read()["last"] for each in crowds) - started)
            most = max(most, endpoint.memory_info().rss / 2**20)
    return seconds, before, most


def _floor() -> list[float]:
    """Seconds in which a bare server writes to as many bare connections, each time."""
    port = find_free_port()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(port, theirs), daemon=True)
    server.start()
    try:
        ours.recv()
        with ExitStack() as stack:
            url = f"http://127.0.0.1:{port}"
            counts = (SSE // 2, SSE // 2, SOCKET_IO)
            crowds = [stack.enter_context(crowd("plain", url, count)) for count in counts]
            return [_write(ours, crowds) for _ in range(CHANGES)]
    finally:
        server.kill()


def _write(server: Connection, crowds: list[Crowd]) -> float:
    started = time.monotonic()
    server.send("now")
    return max(float(each.read()["last"]) for each in crowds) - started


def _serve(port: int, pipe: Connection) -> None:
    async def serve() -> None:
        loop = asyncio.get_running_loop()
        transports: list[Any] = []

        class Bare(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                transports.append(transport)

        await loop.create_server(Bare, "127.0.0.1", port, backlog=1024)
        pipe.send("listening")
        while await loop.run_in_executor(None, pipe.recv):
            for transport in transports:
                transport.write(FRAME)

    uvloop.run(serve())
