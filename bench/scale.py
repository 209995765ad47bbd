"""What one machine needs for many configurations: `make bench-scale`, with 100, 1,000 and 10,000 of them by default.

Each configuration has a host, a page of 30 items and a collection of its own; at each fetch, or every so many
(`--every`), three of the items are others than before. They are posted, all have run once, and then for one `ttl` what
every process takes is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import psutil
import pymongo

from bench.sites import serving_sites
from tests.system.machine import Machine, running

Database: TypeAlias = pymongo.MongoClient[dict[str, Any]]
POSTERS, ASKED = 16, 300
RESULTS = Path(__file__).parent / "results"
PATIENCE = 3600.0


@dataclass(frozen=True)
class Figures:
    """What so many configurations took; CPU is in cores, memory in MiB, by the processes' names."""

    configurations: int
    busy: int
    """How often config was too busy to take one more, up to then."""
    ttl: int
    load: float
    posting: float
    """Seconds until all were posted."""
    first: float
    """Seconds from the first post until each had run once."""
    expected: float
    """Runs that were due while it was measured."""
    runs: int
    late: tuple[float, float]
    """Seconds that runs started later than their ttl asked for: median, and the 99th of 100."""
    cores: dict[str, float]
    memory: dict[str, float]
    processes: dict[str, int]
    answers: tuple[float, float]
    """Milliseconds of a GET of a page of items, one after the other: median, and the 99th of 100."""
    disk: float
    """MiB of MongoDB's data and indexes."""

    def __str__(self) -> str:
        """A block of lines."""
        cores = ", ".join(f"{name} {value:.2f}" for name, value in self.cores.items())
        memory = ", ".join(
            f"{name} {value:.0f} ({self.processes[name]})" for name, value in self.memory.items()
        )
        return (
            f"{self.configurations} configurations, ttl {self.ttl} s (load {self.load:.1f})\n"
            f"  posted in {self.posting:.1f} s (told {self.busy} times to come back), all run once after "
            f"{self.first:.1f} s\n"
            f"  runs {self.runs} of {self.expected:.0f} due; late by {self.late[0]:.2f} s, 99%: {self.late[1]:.2f} s\n"
            f"  cores: {cores}; in all {sum(self.cores.values()):.2f}\n"
            f"  MiB (processes): {memory}; in all {sum(self.memory.values()):.0f}\n"
            f"  GET of a page: {self.answers[0]:.1f} ms, 99%: {self.answers[1]:.1f} ms; MongoDB {self.disk:.1f} MiB"
        )


class Town:
    """A machine that grows by configurations."""

    def __init__(self, machine: Machine, sites: int, ttl: int, mongo: Database) -> None:
        self._machine, self._sites, self._ttl, self._mongo = machine, sites, ttl, mongo
        self._runs = mongo["scrapr_data"]["runs"]
        self._count = 0
        self._busy = 0
        """How often config said to come back."""

    async def grow(self, count: int) -> Figures:
        """Post configurations until there are `count`, and measure for one ttl."""
        started = time.monotonic()
        await self._post_up_to(count)
        posting = time.monotonic() - started
        await self._await_runs(count)
        first = time.monotonic() - started
        await asyncio.sleep(self._ttl / 2)  # what only the beginning takes is over
        since, before = datetime.now(UTC), self._cpu()
        begun = time.monotonic()
        await asyncio.sleep(self._ttl)
        seconds = time.monotonic() - begun
        cores = {name: (value - before.get(name, 0.0)) / seconds for name, value in self._cpu().items()}
        memory, processes = self._memory()
        return Figures(
            configurations=count,
            busy=self._busy,
            ttl=self._ttl,
            load=os.getloadavg()[0],
            posting=posting,
            first=first,
            expected=count * seconds / self._ttl,
            runs=self._runs.count_documents(
                {"started_at": {"$gte": since, "$lt": since + timedelta(seconds=seconds)}}
            ),
            late=self._lateness(since),
            cores=cores,
            memory=memory,
            processes=processes,
            answers=await self._ask(),
            disk=self._disk(),
        )

    async def _post_up_to(self, count: int) -> None:
        numbers = iter(range(self._count, count))
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            for _ in range(POSTERS):
                group.create_task(self._post_each(session, numbers))
        self._count = count

    async def _post_each(self, session: aiohttp.ClientSession, numbers: Iterator[int]) -> None:
        for number in numbers:
            host = f"127.{10 + number // 50_000}.{number // 250 % 200}.{number % 250 + 1}"
            draft = {
                "type": "scraper",
                "collection": f"town-{number}",
                "scraper": {
                    "source": f"http://{host}:{self._sites}/",
                    "scope": "li.item",
                    "selector": [{"title": "h3", "link": "a@href", "price": "p"}],
                },
                "key": ["title"],
                "ttl": self._ttl,
            }
            while not await self._post(session, draft):
                self._busy += 1

    async def _post(self, session: aiohttp.ClientSession, draft: dict[str, Any]) -> bool:
        """Whether it was taken; where config is busy, wait as long as it says."""
        async with session.post(f"{self._machine.url('config')}/v1/configurations", json=draft) as answer:
            if answer.status != 503:
                answer.raise_for_status()
                return True
            print(f"  busy: {await answer.text()}", flush=True)
            await asyncio.sleep(float(answer.headers["Retry-After"]))
            return False

    async def _await_runs(self, count: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while len(self._runs.distinct("configuration", {"outcome": "complete"})) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"not all of {count} have run")
            await asyncio.sleep(0.5)

    def _lateness(self, since: datetime) -> tuple[float, float]:
        starts: dict[str, list[datetime]] = {}
        window = {"started_at": {"$gte": since - timedelta(seconds=self._ttl * 1.5)}}
        for run in self._runs.find(window, {"configuration": 1, "started_at": 1}).sort("started_at"):
            starts.setdefault(run["configuration"], []).append(run["started_at"])
        gaps = [
            (later - earlier).total_seconds() - self._ttl
            for each in starts.values()
            for earlier, later in pairwise(each)
        ]
        return _spread(gaps)

    async def _ask(self) -> tuple[float, float]:
        took = []
        async with aiohttp.ClientSession() as session:
            for place in range(ASKED):
                number = place * self._count // ASKED
                url = f"{self._machine.url('endpoint')}/v1/collections/town-{number}/items"
                started = time.perf_counter()
                async with session.get(url) as answer:
                    await answer.read()
                    answer.raise_for_status()
                took.append((time.perf_counter() - started) * 1e3)
        return _spread(took)

    def _cpu(self) -> dict[str, float]:
        return self._sum(lambda process: sum(process.cpu_times()[:2]))

    def _memory(self) -> tuple[dict[str, float], dict[str, int]]:
        memory = self._sum(lambda process: process.memory_full_info().pss / 2**20)
        return memory, {name: int(value) for name, value in self._sum(lambda _: 1.0).items()}

    def _sum(self, measure: Any) -> dict[str, float]:
        found: dict[str, float] = {}
        for process in self._machine.processes():
            name = "up" if process.pid == self._machine.process.pid else _name_of(process)
            found[name] = found.get(name, 0.0) + measure(process)
        return found

    def _disk(self) -> float:
        names = ("scrapr_config", "scrapr_data")
        stats = [self._mongo[name].command("dbStats") for name in names]
        return float(sum(each["storageSize"] + each["indexSize"] for each in stats)) / 2**20


def _name_of(process: psutil.Process) -> str:
    title = " ".join(process.cmdline())
    return title.removeprefix("scrapr: ").strip() if title.startswith("scrapr: ") else process.name()


def _spread(values: list[float]) -> tuple[float, float]:
    """The median, and what 99 of 100 do not exceed."""
    if len(values) < 2:
        return float("nan"), float("nan")
    return statistics.median(values), statistics.quantiles(values, n=100)[98]


def _mongo_of(machine: Machine) -> Database:
    [server] = [each for each in machine.processes() if "mongod" in each.name()]
    port = next(each.laddr.port for each in server.net_connections() if each.status == psutil.CONN_LISTEN)
    return pymongo.MongoClient(f"mongodb://127.0.0.1:{port}/?directConnection=true", tz_aware=True)


async def measure(options: argparse.Namespace) -> list[Figures]:
    """Grow one machine step by step."""
    figures = []
    settings: dict[str, Any] = {"SCRAPR_CONFIG_POOL_SLOTS": str(options.slots), "SCRAPR_LOG_LEVEL": "warning"}
    with (
        tempfile.TemporaryDirectory() as folder,
        serving_sites(options.every) as sites,
        running(Path(folder) / "data", **settings) as machine,
        _mongo_of(machine) as mongo,
    ):
        town = Town(machine, sites, options.ttl, mongo)
        for count in sorted(options.counts):
            figures.append(await town.grow(count))
            print(figures[-1], flush=True)
    return figures


def main() -> None:
    """Measure, print, and keep the figures."""
    parser = argparse.ArgumentParser(description="Measure many configurations on one machine.")
    parser.add_argument("--counts", nargs="+", type=int, default=[100, 1000, 10_000])
    parser.add_argument("--ttl", type=int, default=300, help="seconds; each step takes two of them and more")
    parser.add_argument("--slots", type=int, default=2000, help="of each replica")
    parser.add_argument("--every", type=int, default=1, help="fetches after which a page is another")
    figures = asyncio.run(measure(parser.parse_args()))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"scale-{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps([asdict(each) for each in figures], indent=1))


if __name__ == "__main__":
    main()
