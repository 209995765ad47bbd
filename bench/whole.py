"""The whole product doing the work: `scrapr up`, configurations posted, batches to the real datasource.

A pass is measured between runs that are asked for at one moment. Its configurations are posted for a part of the site
that is not there yet (`site.under`), so that each is claimed, has failed once and knows nothing of its pages when the
measured runs begin. Pages that are independent of each other are as many configurations as there shall be requests at
the same time, each of which goes through its share of the pages by pagination.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench import site
from bench.work import ITEMS, PER_HOST_MOST, Work
from scrapr.model.item import JSON
from tests.system.machine import Machine, free_port_base, running, wait_for

SCOPE = "li.resultItem"
PAGINATE = "div.pagination li.next a@href"
SELECTOR: JSON = [
    {
        "title": "h3.resultItem-name a | trim",
        "url": "h3.resultItem-name a@href",
        "address": "div.resultItem-address | trim",
        "price": "div.resultItem-price .price | trim",
    }
]
SETTINGS = {
    "SCRAPR_FETCH_PACE": "0",
    "SCRAPR_FETCH_ADAPTIVE": "false",
    "SCRAPR_FETCH_ROBOTS": "false",
    "SCRAPR_FETCH_PER_HOST": str(PER_HOST_MOST),
    "SCRAPR_SCRAPER_RUNS": "64",
    "SCRAPR_SCRAPER_DEADLINE": "120",
}
YEAR = 31_536_000
HOSTED = 1000
PATIENCE = 120.0


@dataclass(frozen=True)
class Posted:
    """Configurations that go through `pages` pages together, and have not begun."""

    collection: str
    configurations: tuple[str, ...]
    pages: int


@dataclass(frozen=True)
class Memory:
    """Of one process, in MiB: resident, and its part where others share a page with it."""

    resident: float
    proportional: float


class Whole:
    """A running product, and the site that it scrapes."""

    def __init__(self, machine: Machine, root: Path) -> None:
        self._machine = machine
        self._root = root
        self._numbers = itertools.count(1)
        self._http = httpx.Client(timeout=PATIENCE + 10)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def measure(self, pages: int, chains: int, per_host: int, base: str) -> Work:
        """One first pass, everything removed after it."""
        with self.posted(pages, chains, per_host, base) as posted:
            return self.run(posted)

    @contextmanager
    def posted(self, pages: int, chains: int, per_host: int, base: str) -> Iterator[Posted]:
        """Configurations that are claimed and whose part of the site is there now; removed in the end."""
        name = f"bench-{self._root.name}-{next(self._numbers)}"
        chains = min(chains, pages)
        starts = [each * pages // chains for each in range(chains + 1)]
        sources = [
            (f"{base}/{name}/seq/p{first + 1}.html", after - first)
            for first, after in itertools.pairwise(starts)
        ]
        identities = tuple(self._post(name, source, limit, per_host) for source, limit in sources)
        wait_for(lambda: len(self._start(name)) == chains, PATIENCE)
        site.under(self._root, name)
        try:
            yield Posted(name, identities, pages)
        finally:
            for identity in identities:
                self._http.delete(f"{self._machine.url('config')}/v1/configurations/{identity}")
            (self._root / name).unlink()

    def run(self, posted: Posted) -> Work:
        """Run all of them at once and wait; the seconds are from the first start to the last end."""
        before = self._cpu()
        runs = self._start(posted.collection)
        spent = {role: seconds - before.get(role, 0.0) for role, seconds in self._cpu().items()}
        if wrong := [each for each in runs if each["outcome"] != "complete"]:
            raise SystemExit(f"a run of scrapr ended as {wrong[0]}")
        started = min(datetime.fromisoformat(each["started_at"]) for each in runs)
        finished = max(datetime.fromisoformat(each["finished_at"]) for each in runs)
        unchanged = sum(each.get("unchanged_pages", 0) for each in runs)
        sent = sum(each["items"] for each in runs)
        return Work(
            pages=posted.pages,
            items=sent + unchanged * ITEMS if sent < posted.pages * ITEMS else sent,
            seconds=(finished - started).total_seconds(),
            cpu=spent.pop("scraper"),
            others=spent,
        )

    def host(self, base: str) -> Memory:
        """The scraper's memory once it holds a thousand configurations, each after its first run."""
        before = self._machine.role_process("scraper").pid
        pool = {"role": "scraper", "place": "default", "slots": HOSTED}
        answer = self._http.put(f"{self._machine.url('config')}/v1/pools/scraper-default", json=pool)
        answer.raise_for_status()
        wait_for(lambda: self._has_another_scraper(before), PATIENCE)
        for number in range(HOSTED):
            self._post(f"hosted-{number % 100}", f"{base}/seq/p{number + 1}.html", 1, 64, ttl=3600)
        wait_for(lambda: self._metric("scrapr_scraper_runs_total") >= HOSTED, PATIENCE)
        held = self._metric("scrapr_scraper_configurations")
        if held != HOSTED:
            raise SystemExit(f"the scraper holds {held} configurations, not {HOSTED}")
        memory = self._machine.role_process("scraper").memory_full_info()
        return Memory(memory.rss / 2**20, memory.pss / 2**20)

    def _post(self, collection: str, source: str, limit: int, per_host: int, *, ttl: int = YEAR) -> str:
        scraper = {
            "source": source,
            "scope": SCOPE,
            "selector": SELECTOR,
            "paginate": PAGINATE,
            "limit": limit,
        }
        body = {"type": "scraper", "collection": collection, "scraper": scraper, "ttl": ttl}
        body |= {"key": ["url"], "fetch": {"per_host": per_host}}
        answer = self._http.post(f"{self._machine.url('config')}/v1/configurations", json=body)
        if answer.status_code != httpx.codes.CREATED:
            raise SystemExit(f"config refused a configuration: {answer.text}")
        identity: str = answer.json()["id"]
        return identity

    def _start(self, collection: str) -> list[dict[str, Any]]:
        """All runs of a collection, once they ended; none while nothing is claimed."""
        body = {"collection": collection, "wait": PATIENCE}
        answer = self._http.post(f"{self._machine.url('scraper')}/v1/scraper/start", json=body)
        found: list[dict[str, Any]] = answer.json()["runs"] if answer.status_code == httpx.codes.OK else []
        return found

    def _cpu(self) -> dict[str, float]:
        """Seconds of CPU so far, by role; MongoDB and Redis by their names."""
        spent: dict[str, float] = {}
        for each in self._machine.processes():
            name = each.cmdline()[0].removeprefix("scrapr: ") if each.cmdline() else each.name()
            role = Path(name).name
            times = each.cpu_times()
            spent[role] = spent.get(role, 0.0) + times.user + times.system
        return spent

    def _has_another_scraper(self, pid: int) -> bool:
        try:
            another = self._machine.role_process("scraper").pid != pid
            return another and self._machine.get("scraper", "/ready").status_code == httpx.codes.OK
        except (StopIteration, httpx.HTTPError, psutil.NoSuchProcess):
            return False

    def _metric(self, name: str) -> float:
        lines = self._machine.get("scraper", "/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


@contextmanager
def started(folder: Path, root: Path) -> Iterator[Whole]:
    """`scrapr up` with its data under `folder`, for the site under `root`."""
    with running(folder, port_base=free_port_base(), terminal=None, **SETTINGS) as machine:
        whole = Whole(machine, root)
        try:
            yield whole
        finally:
            whole.close()
