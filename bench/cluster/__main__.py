"""All rows of the cluster, one after the other: `make bench-cluster` (root; see `make test-cluster`)."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeAlias

from bench.cluster import pools, stacks
from bench.cluster.stacks import Town
from bench.verdicts import Verdict
from tests.cluster import image, images
from tests.cluster.engine import Cluster, running_cluster
from tests.cluster.world import World

Options: TypeAlias = argparse.Namespace
RESULTS = Path(__file__).parents[1] / "results"
ON_POOLS: dict[str, Callable[[World, Options], list[Verdict]]] = {
    "first": lambda world, options: pools.measure_first(world, options.rounds),
    "memory": lambda world, _: [pools.measure_memory(world)],
    "leader": lambda world, _: pools.measure_leader(world),
}
ON_STACK: dict[str, Callable[[Town, Options], list[Verdict]]] = {
    "cut": lambda town, _: stacks.measure_cut(town),
    "consul": lambda town, options: stacks.measure_consul(town, options.consul),
    "update": lambda town, _: [stacks.measure_update(town)],
    "kills": lambda town, options: stacks.measure_kills(town, options.kills, options.seed),
}
ROWS = ("deploy", *ON_POOLS, *ON_STACK)


@dataclass
class Bench:
    """The packed images, and what has been measured."""

    folder: Path
    options: Options
    verdicts: list[Verdict] = field(default_factory=list)

    def measure(self) -> None:
        """Measure what was asked for, each group of rows on engines of its own."""
        rows = self.options.rows
        self.packed = image.pack_image(self.folder)
        self.servers = images.pack_servers(self.folder)
        if "deploy" in rows:
            with self._engines(1) as cluster:
                self._note("deploy", [stacks.measure_deploy(cluster, self.folder / "one")])
        if on_pools := [row for row in rows if row in ON_POOLS]:
            with self._engines(3) as cluster, pools.living(cluster, self.folder) as world:
                for row in on_pools:
                    self._note(row, ON_POOLS[row](world, self.options))
        if on_stack := [row for row in rows if row in ON_STACK]:
            with self._engines(3) as cluster, stacks.living(cluster, self.folder / "three") as town:
                for row in on_stack:
                    self._note(row, ON_STACK[row](town, self.options))

    @contextmanager
    def _engines(self, count: int) -> Iterator[Cluster]:
        with running_cluster(count) as cluster:
            for engine in cluster.engines:
                image.load_image(engine, self.packed)
                images.furnish(engine, self.servers)
            yield cluster

    def _note(self, row: str, verdicts: list[Verdict]) -> None:
        for verdict in verdicts:
            print(f"{row:8} {verdict}  (load {os.getloadavg()[0]:.1f})", flush=True)
        self.verdicts += verdicts


def main() -> None:
    """Measure, print, and keep the figures."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        bench = Bench(Path(folder), _options())
        bench.measure()
    RESULTS.mkdir(exist_ok=True)
    told = {
        "load": os.getloadavg(),
        "cores": os.cpu_count(),
        "figures": [asdict(each) for each in bench.verdicts],
    }
    path = RESULTS / f"cluster-{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps(told, indent=1))


def _options() -> Options:
    parser = argparse.ArgumentParser(description="Measure a cluster of Docker engines.")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS)
    parser.add_argument("--rounds", type=int, default=5, help="of first items")
    parser.add_argument("--consul", type=float, default=600.0, help="seconds for which Consul is gone")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7, help="of the kills")
    return parser.parse_args()


if __name__ == "__main__":
    main()
