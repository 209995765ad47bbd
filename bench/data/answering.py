"""`GET items` (30 items), 200 and 304: one endpoint process beside aiohttp with ready bytes, Express and NGINX.

All are measured in turn in each round, beginning with another one each time; ratios are of the same round. On a machine
that has other work, rates say little: the floor's ratio is told by the server's CPU for an answer, too.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.data import load
from bench.data.load import Load
from bench.verdicts import Verdict
from bench.work import Spread
from tests.conftest import find_free_port
from tests.system.machine import Machine, free_port_base, running, wait_for

PEERS = Path(__file__).parent / "peers"
CACHE = Path.home() / ".cache/scrapr-bench/data"
ITEMS = 30
SECONDS = 3.0
COLLECTION = "answering"
GOALS = (
    ("scrapr 200", "aiohttp 200", 0.9),
    ("scrapr 304", "aiohttp 304", 0.9),
    ("scrapr 200", "express 200", 3.0),
    ("scrapr 304", "express 304", 3.0),
    ("nginx before scrapr", "nginx with a file", 0.8),
)
NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr error;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    proxy_cache_path {folder}/cache keys_zone=items:1m use_temp_path=off;
    keepalive_requests 1000000;
    sendfile on;
    open_file_cache max=100;
    upstream endpoint {{ server 127.0.0.1:{endpoint}; keepalive 16; }}
    server {{
        listen 127.0.0.1:{port};
        location = /file {{ alias {folder}/items.json; default_type application/json; }}
        location / {{
            proxy_pass http://endpoint;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_cache items;
            proxy_cache_lock on;
            proxy_cache_revalidate on;
            proxy_cache_background_update on;
            proxy_cache_use_stale error timeout updating http_500 http_502 http_503 http_504;
        }}
    }}
}}
"""


class Stage(Protocol):
    """A running `scrapr up`, and how often each row is measured."""

    @property
    def machine(self) -> Machine:
        """The product."""

    @property
    def rounds(self) -> int:
        """Rounds of each row."""


@dataclass(frozen=True)
class Row:
    """What is asked of which process. `tag`: with this entity tag, to be answered by 304."""

    name: str
    url: str
    process: int
    tag: str = ""

    def measure(self) -> Load:
        """One round."""
        headers = {"If-None-Match": self.tag} if self.tag else {}
        return load.load(self.url, process=self.process, seconds=SECONDS, headers=headers)


async def measure(stage: Stage) -> list[Verdict]:
    """All rows."""
    return await asyncio.to_thread(_measure, stage.machine, stage.rounds)


def _measure(machine: Machine, rounds: int) -> list[Verdict]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        rows = list(_rows(Path(folder), machine, stack))
        loads: dict[str, list[Load]] = {row.name: [] for row in rows}
        for number in range(rounds):
            first = number % len(rows)
            for row in [*rows[first:], *rows[:first]]:
                loads[row.name].append(row.measure())
    for name, found in loads.items():
        costs = Spread.of(each.cost for each in found).shown(1)
        print(f"{name:20} {Spread.of(each.rate for each in found).shown(0):>24} /s  {costs} µs of CPU")
    return [
        _judge(name, loads.get(name, ()), floor, loads.get(floor, ()), goal) for name, floor, goal in GOALS
    ]


def _judge(name: str, ours: Sequence[Load], floor: str, floors: Sequence[Load], goal: float) -> Verdict:
    what = f"{name} ÷ {floor}, answers/s (by CPU)"
    if not ours or not floors:
        return Verdict(what, f"≥ {goal:g}", "not measured", None)
    rates = Spread.of(one.rate / other.rate for one, other in zip(ours, floors, strict=True))
    costs = Spread.of(other.cost / one.cost for one, other in zip(ours, floors, strict=True))
    return Verdict(what, f"≥ {goal:g}", f"{rates.shown(2)} ({costs.median:.2f})", rates.median >= goal)


def _rows(folder: Path, machine: Machine, stack: ExitStack) -> Iterator[Row]:
    _fill(machine)
    items = f"{machine.url('endpoint')}/v1/collections/{COLLECTION}/items"
    body, tag = load.fetch(items)
    (folder / "items.json").write_bytes(body)
    endpoint = machine.role_process("endpoint").pid
    yield Row("scrapr 200", items, endpoint)
    yield Row("scrapr 304", items, endpoint, tag)
    port = find_free_port()
    command = [sys.executable, str(PEERS / "ready.py"), str(port), str(folder / "items.json"), tag]
    floor = stack.enter_context(load.serving(command, f"http://127.0.0.1:{port}/items"))
    yield Row("aiohttp 200", f"http://127.0.0.1:{port}/items", floor)
    yield Row("aiohttp 304", f"http://127.0.0.1:{port}/items", floor, tag)
    yield from _express(folder, stack)
    yield from _nginx(folder, machine, stack)


def _fill(machine: Machine) -> None:
    draft = {"type": "endpoint", "collection": COLLECTION}
    machine.post("config", "/v1/configurations", draft).raise_for_status()
    data = [
        {
            "title": f"Restaurant number {n}",
            "url": f"https://example.org/restaurants/{n}",
            "address": f"{n} Long Street, 10115 Berlin",
            "price": n / 4,
        }
        for n in range(ITEMS)
    ]
    batch = {"collection": COLLECTION, "data": data}
    machine.post("datasource", "/v1/items", batch).raise_for_status()
    wait_for(lambda: len(machine.items(COLLECTION)) == ITEMS, 120)


def _express(folder: Path, stack: ExitStack) -> Iterator[Row]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return
    if not (CACHE / "node_modules/express").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        shutil.copy(PEERS / "package.json", CACHE)
        subprocess.run([npm, "install", "--silent", "--no-audit", "--no-fund"], cwd=CACHE, check=True)
    shutil.copy(PEERS / "express.js", CACHE)
    url = f"http://127.0.0.1:{find_free_port()}/items"
    command = [
        node,
        str(CACHE / "express.js"),
        url.split(":")[2].split("/", maxsplit=1)[0],
        str(folder / "items.json"),
    ]
    process = stack.enter_context(load.serving(command, url))
    yield Row("express 200", url, process)
    yield Row("express 304", url, process, load.fetch(url)[1])


def _nginx(folder: Path, machine: Machine, stack: ExitStack) -> Iterator[Row]:
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        return
    port, endpoint = find_free_port(), machine.url("endpoint").rpartition(":")[2]
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port, endpoint=endpoint))
    # Its workers read the file as another user.
    folder.chmod(0o755)
    command = [nginx, "-p", str(folder), "-c", str(config)]
    process = stack.enter_context(load.serving(command, f"http://127.0.0.1:{port}/file"))
    yield Row("nginx with a file", f"http://127.0.0.1:{port}/file", process)
    yield Row("nginx before scrapr", f"http://127.0.0.1:{port}/v1/collections/{COLLECTION}/items", process)


@dataclass(frozen=True)
class _Alone:
    machine: Machine
    rounds: int


def main() -> None:
    """This row alone: `python -m bench.data.answering [rounds]`."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder) / "data", port_base=free_port_base()) as machine,
    ):
        print("\n".join(map(str, asyncio.run(measure(_Alone(machine, rounds))))))


if __name__ == "__main__":
    main()
