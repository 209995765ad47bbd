"""The engine against a floor and against its peers, all rows in turn: pages per second, CPU per page, memory.

Run with `make bench-engine`; what the rows and goals are, says bench/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench import programs, site, whole
from bench.programs import Bench, Program
from bench.verdicts import judge, table
from bench.whole import Memory, Whole
from bench.work import ITEMS, Work, shape

MODES = {"seq": 1, "ind16": 16, "ind64": 64}
ROWS = (
    *(
        "floor",
        "floor, mongod",
        "rooms",
        "rooms, threads",
        "alone",
        "scrapr",
        "goquery",
        "parsel",
        "crawlee",
        "scrapy",
        "x-ray",
    ),
    *("latency", "rescrape", "memory"),
)
DELAY = 0.05
DELAYED_PAGES = 100
PER_HOST = 8
AGAIN_PAGES = 1000
SITE_PAGES = 1000
RESULTS = Path(__file__).parent / "results"


@dataclass
class Results:
    """All that was measured: each mode's rows, in each of which a work per round; and the rows of their own."""

    modes: dict[str, dict[str, list[Work]]] = field(default_factory=lambda: {mode: {} for mode in MODES})
    delayed: dict[str, list[Work]] = field(default_factory=dict)
    again: dict[str, list[Work]] = field(default_factory=dict)
    memory: Memory | None = None

    def add(self, rows: dict[str, list[Work]], name: str, work: Work, mode: str) -> None:
        """Note a work, and say so."""
        rows.setdefault(name, []).append(work)
        print(f"  {mode:8} {name:16} {work.rate:6.0f} pages/s {work.cost:6.2f} ms CPU a page", flush=True)


def main() -> None:
    """Measure and print."""
    options = _options()
    bench = programs.prepare(options.cache, options.rows.__contains__)
    for name, reason in bench.missing.items():
        print(f"not installed: {name}: {reason}")
    results = Results()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # NGINX, started by root, reads as nobody
        root = Path(folder) / "www"
        size = site.make_site(root, max(SITE_PAGES, options.pages))
        print(f"{options.pages} pages of {size:,} bytes, {ITEMS} items each, served by {site.server_name()}")
        _measure(Path(folder), root, options, bench, results)
    print(f"\n{table(results.modes)}\n\n{judge(results, bench.missing)}")
    print(f"\nload average at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    _write(results, options)


def _measure(folder: Path, root: Path, options: argparse.Namespace, bench: Bench, results: Results) -> None:
    with site.serving(root) as base:
        if {"scrapr", "latency", "rescrape"} & set(options.rows):
            with (
                site.serving(root, delay=DELAY) as slow,
                whole.started(folder / "data", root) as product,
            ):
                for number in range(options.rounds):
                    print(f"round {number + 1} of {options.rounds}", flush=True)
                    _round(number, product, base, options, bench, results)
                    _round_of_others(product, base, slow, options, bench, results)
        else:
            for number in range(options.rounds):
                _round(number, None, base, options, bench, results)
        if "memory" in options.rows:
            with whole.started(folder / "hosting", root) as product:
                results.memory = product.host(base)


def _round(
    number: int, product: Whole | None, base: str, options: argparse.Namespace, bench: Bench, results: Results
) -> None:
    """Every row once in each mode, beginning with another one each time."""
    for mode in options.modes:
        rows: list[Program | Whole] = [*bench.programs]
        if product is not None and "scrapr" in options.rows:
            rows.insert(3, product)
        for row in _turned(rows, number):
            if isinstance(row, Whole):
                work = row.measure(options.pages, *shape(MODES[mode]), base)
                work.check("scrapr", options.pages)
                results.add(results.modes[mode], "scrapr", work, mode)
            else:
                work = _run(row, mode, options.pages, MODES[mode], base)
                results.add(results.modes[mode], row.name, work, mode)


def _round_of_others(
    product: Whole, base: str, slow: str, options: argparse.Namespace, bench: Bench, results: Results
) -> None:
    if "latency" in options.rows:
        for each in bench.programs:
            if each.name in ("floor", "scrapy"):
                work = _run(each, "seq", DELAYED_PAGES * each.part, 1, slow)
                results.add(results.delayed, each.name, work, "50 ms")
        work = product.measure(DELAYED_PAGES, 1, PER_HOST, slow)
        work.check("scrapr", DELAYED_PAGES)
        results.add(results.delayed, "scrapr", work, "50 ms")
    if "rescrape" in options.rows:
        with product.posted(AGAIN_PAGES, *shape(1), base) as posted:
            for name in ("first", "again"):
                results.add(results.again, name, product.run(posted), "1000")


def _run(program: Program, mode: str, pages: int, concurrency: int, base: str) -> Work:
    with tempfile.TemporaryDirectory() as folder:
        kind = "seq" if mode == "seq" else "ind"
        return program.run(kind, pages, concurrency, base, Path(folder) / "items.jsonl")


def _turned(rows: Sequence[Program | Whole], by: int) -> Iterator[Program | Whole]:
    yield from (rows[(at + by) % len(rows)] for at in range(len(rows)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the engine, its floor and its peers.")
    parser.add_argument(
        "--pages", type=int, default=480, help="pages of a run; slow peers take a part of them"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=_names(ROWS), default=ROWS, help=f"of {';'.join(ROWS)}")
    parser.add_argument("--modes", type=_names(MODES), default=tuple(MODES), help=f"of {';'.join(MODES)}")
    parser.add_argument(
        "--cache", type=Path, default=Path.home() / ".cache/scrapr-bench", help="where peers are installed"
    )
    return parser.parse_args()


class _names:  # noqa: N801 - argparse shows its name where a word is wrong
    """Words of a choice, with `;` between them."""

    def __init__(self, choice: Sequence[str] | Mapping[str, int]) -> None:
        self._choice = choice

    def __call__(self, text: str) -> tuple[str, ...]:
        found = tuple(each.strip() for each in text.split(";"))
        if unknown := [each for each in found if each not in self._choice]:
            raise argparse.ArgumentTypeError(f"{unknown} of {', '.join(self._choice)}")
        return found


def _write(results: Results, options: argparse.Namespace) -> None:
    RESULTS.mkdir(exist_ok=True)
    told = {
        "python": sys.version.split()[0],
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "pages": options.pages,
        "rounds": options.rounds,
        **asdict(results),
    }
    path = RESULTS / f"engine-{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps(told, indent=1))
    print(f"all figures: {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


if __name__ == "__main__":
    main()
