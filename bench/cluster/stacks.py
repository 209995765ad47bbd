"""The whole stack while things break: its deployment, a power cut, Consul's absence, an upgrade, kills at random."""

from __future__ import annotations

import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from bench.cluster.load import asking
from bench.verdicts import Verdict
from tests.cluster import images, page
from tests.cluster.engine import Cluster, Engine
from tests.cluster.stack import OURS, READY_WITHIN, Stack, prepared
from tests.system.machine import wait_for

COUNT, TTL, RATE = 12, 5, 200
NEXT = "scrapr:next"
FRESH_WITHIN = 30.0
STORES = ("scrapr_mongo-", "scrapr_redis-", "scrapr_consul-")


@dataclass
class Town:
    """The stack on three nodes, with configurations that are scraped every `TTL` seconds."""

    stack: Stack
    ids: tuple[str, ...]

    @property
    def url(self) -> str:
        """What is asked for under load."""
        return f"{self.stack.url}/v1/collections/{name_of(0)}/items"

    def starts(self, identity: str) -> list[datetime]:
        """When its runs started that ended well, earliest first; asked until the entry finds the datasource."""
        path = f"/v1/runs?configuration={identity}&limit=1000"
        found = wait_for(lambda: self.stack.get(path), READY_WITHIN)
        good = (each for each in found["runs"] if each["outcome"] == "complete")
        return sorted(datetime.fromisoformat(each["started_at"]) for each in good)

    def stale(self, since: datetime) -> list[str]:
        """The configurations of which no run started after that and ended well."""
        return [each for each in self.ids if not any(start > since for start in self.starts(each))]

    def await_fresh(self, since: datetime) -> float:
        """Seconds after `since` at which all configurations have been scraped once more."""
        wait_for(lambda: not self.stale(since), READY_WITHIN)
        return (_now() - since).total_seconds()


def name_of(number: int) -> str:
    """A collection of the town's."""
    return f"places-{number}"


@contextmanager
def living(cluster: Cluster, folder: Path) -> Iterator[Town]:
    """The stack with its configurations, each scraped once; endpoints and scrapers are on all nodes."""
    with prepared(cluster, folder) as stack, page.serving(cluster.wire.address) as site:
        stack.deploy(images.STACK)
        stack.wait_until_ready()
        stack.put_pool("endpoint-default", replicas_min=3)
        stack.put_pool("scraper-default", replicas_min=3, slots=COUNT // 3)
        wait_for(lambda: len(set(stack.nodes_of("scrapr_scraper-default").values())) == 3, READY_WITHIN)
        # Endpoints have these copies from the start, so that they are more, and no others.
        wait_for(lambda: stack.update_state("scrapr_scraper-default") == "completed", READY_WITHIN)
        stack.wait_until_ready()
        town = Town(stack, tuple(_post(stack, number, site) for number in range(COUNT)))
        wait_for(lambda: all(len(stack.items(name_of(each))) == 2 for each in range(COUNT)), READY_WITHIN)
        yield town


def _post(stack: Stack, number: int, site: str) -> str:
    scraper = {"source": site, "scope": "li.item", "selector": [{"title": "h3"}]}
    body = {"type": "scraper", "collection": name_of(number), "scraper": scraper, "ttl": TTL}
    identity: str = stack.post(body).raise_for_status().json()["id"]
    return identity


def measure_deploy(cluster: Cluster, folder: Path) -> Verdict:
    """From `docker stack deploy` on a node that has all images until all is ready."""
    with prepared(cluster, folder) as stack:
        started = time.monotonic()
        stack.deploy(images.STACK)
        stack.wait_until_ready()
        seconds = time.monotonic() - started
    return _at_most("docker stack deploy → all ready, one node", seconds, 60)


def measure_cut(town: Town) -> list[Verdict]:
    """The power of a worker is cut that has scrapers: theirs are scraped elsewhere."""
    nodes = town.stack.nodes_of("scrapr_scraper-default").values()
    lost = next(each for each in town.stack.cluster.engines[1:] if each.name in nodes)
    with asking(town.url, rate=RATE) as counts:
        since = _now()
        lost.cut_power()
        seconds = town.await_fresh(since)
    _bring_back(town, lost)
    what = "a worker's power cut → all scraped again"
    return [_at_most(what, seconds, 20), _none_failed("requests meanwhile", counts)]


def measure_consul(town: Town, seconds: float) -> list[Verdict]:
    """All of Consul is gone for so long."""
    names = [f"scrapr_consul-{number}" for number in (1, 2, 3)]
    since = _now()
    with asking(town.url, rate=RATE / 10) as counts:
        town.stack.docker("service", "scale", "--detach", *(f"{name}=0" for name in names))
        time.sleep(seconds)
        town.stack.docker("service", "scale", "--detach", *(f"{name}=1" for name in names))
        town.stack.wait_until_ready()
    gap = max(_longest_gap([start for start in town.starts(each) if start > since]) for each in town.ids)
    what = f"Consul gone for {seconds:.0f} s: longest time between two runs of ttl {TTL} s"
    return [_none_failed(f"Consul gone for {seconds:.0f} s", counts), _at_most(what, gap, 2 * TTL)]


def measure_update(town: Town) -> Verdict:
    """All roles and pools get another image."""
    for engine in town.stack.cluster.engines:
        images.derive(engine, NEXT, "LABEL next=true")
    with asking(town.url, rate=RATE) as counts:
        started = time.monotonic()
        town.stack.deploy(NEXT)
        wait_for(lambda: town.stack.images(*OURS) == {NEXT} and not town.stack.missing(), READY_WITHIN)
        wait_for(lambda: {town.stack.update_state(each) for each in OURS} == {"completed"}, READY_WITHIN)
        seconds = time.monotonic() - started
    return _none_failed(f"rolling update of all roles ({seconds:.0f} s) under {RATE} req/s", counts)


def measure_kills(town: Town, count: int, seed: int) -> list[Verdict]:
    """Containers, engines and members of stores, one at a time, at random."""
    dice, times = random.Random(seed), []
    with asking(town.url, rate=RATE / 10) as counts:
        for number in range(count):
            since = _now()
            what, lost = _kill(town, dice)
            times.append(town.await_fresh(since))
            print(f"  {number + 1:3} {what}: fresh after {times[-1]:.1f} s", flush=True)
            if lost:
                _bring_back(town, lost)
            town.stack.wait_until_ready()
    whole = all(len(town.stack.items(name_of(each))) == 2 for each in range(COUNT))
    figure = f"{statistics.median(times):.1f} s (most {max(times):.1f})"
    return [
        Verdict(f"{count} random kills: all fresh again", "≤ 30 s", figure, max(times) <= FRESH_WITHIN),
        Verdict("all items there after the kills", "all", "all" if whole else "not all", whole),
        _none_failed("requests while things were killed (no goal)", counts),
    ]


def _kill(town: Town, dice: random.Random) -> tuple[str, Engine | None]:
    """What was killed, and the engine if it was one."""
    engines = town.stack.cluster.engines
    kind = dice.choices(("container", "store", "engine"), (6, 3, 1))[0]
    if kind == "engine":
        lost = dice.choice(engines[1:])
        lost.cut_power()
        return lost.name, lost
    engine, line = dice.choice(
        [
            (engine, line)
            for engine in engines
            for line in engine.docker("ps", "--format", "{{.ID}} {{.Names}}").splitlines()
            if _is_store(line) == (kind == "store") and "scrapr_entry" not in line
        ]
    )
    identity, name = line.split()
    engine.docker("kill", identity)
    return name.rpartition(".")[0], None


def _is_store(line: str) -> bool:
    return any(store in line for store in STORES)


def _bring_back(town: Town, lost: Engine) -> None:
    lost.start()
    town.stack.wait_until_ready()


def _longest_gap(starts: list[datetime]) -> float:
    return max(
        ((later - earlier).total_seconds() for earlier, later in pairwise(starts)), default=float("inf")
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _at_most(what: str, seconds: float, goal: float) -> Verdict:
    return Verdict(what, f"≤ {goal:g} s", f"{seconds:.1f} s", seconds <= goal)


def _none_failed(what: str, counts: Counter[int | str]) -> Verdict:
    failed = counts.total() - counts[200]
    figure = f"{failed} of {counts.total()}" + (f" {dict(counts)}" if failed else "")
    return Verdict(f"{what}: requests failed", "0", figure, failed == 0)
