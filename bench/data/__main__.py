"""All rows of the data, one after the other on one running product: `make bench-data`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import TypeAlias

from bench.data import answering, asking, posting, push, stream, touching
from bench.data.stage import Stage, setting
from bench.verdicts import Verdict
from tests.system.machine import Machine, free_port_base, running

Row: TypeAlias = Callable[[Stage], Awaitable[list[Verdict]]]

ROWS: dict[str, Row] = {
    "posting": posting.measure,
    "stream": stream.measure,
    "touching": touching.measure,
    "answering": answering.measure,
    "asking": asking.measure,
    "push": push.measure,
}
CACHE_GB = "2"
"""A million records and their indexes take more than what mongod is given by default."""
RESULTS = Path(__file__).parents[1] / "results"


def main() -> None:
    """Measure and print."""
    options = _options()
    with (
        tempfile.TemporaryDirectory() as folder,
        running(
            Path(folder) / "data", port_base=free_port_base(), SCRAPR_EMBEDDED_MONGO_CACHE_GB=CACHE_GB
        ) as machine,
    ):
        verdicts = asyncio.run(_measure(machine, options))
    print("\n" + "\n".join(map(str, verdicts)))
    print(f"\nload average at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    RESULTS.mkdir(exist_ok=True)
    told = {"load": os.getloadavg(), "cores": os.cpu_count(), "figures": [asdict(each) for each in verdicts]}
    path = RESULTS / f"data-{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps(told, indent=1))


async def _measure(machine: Machine, options: argparse.Namespace) -> list[Verdict]:
    verdicts: list[Verdict] = []
    async with setting(machine, rounds=options.rounds, records=options.records) as stage:
        for name in options.rows:
            print(name, flush=True)
            for verdict in await ROWS[name](stage):
                print(verdict, flush=True)
                verdicts.append(verdict)
    return verdicts


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the data's way beside raw floors.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--records", type=int, default=1_000_000, help="of a collection that is large")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=tuple(ROWS))
    return parser.parse_args()


if __name__ == "__main__":
    main()
