"""The instructions that a page takes, which a busy machine does not change: counted by valgrind, each row ÷ floor.

Run with `make bench-instructions`; needs valgrind. Each row does the work twice, with few pages and with more, and what
the second took more is that of its pages: start and end of a process count for nothing.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench import programs, site
from bench.engine import MODES
from bench.programs import Program

ROWS = ("floor", "rooms", "alone")
FEW, MANY = 120, 280
VALGRIND = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--")
AT_ONCE = 2
TIMEOUT = 900


@dataclass(frozen=True)
class Count:
    """One counted run of a row."""

    program: Program
    mode: str
    pages: int

    def run(self, base: str, folder: Path) -> int:
        """All instructions of the program's own process."""
        kind = "seq" if self.mode == "seq" else "ind"
        out = folder / f"{self.program.name}-{self.mode}-{self.pages}"
        work = (kind, str(self.pages), str(MODES[self.mode]), base, str(out))
        command = [*VALGRIND, *self.program.command, *work]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        found = re.search(r"Collected : ([0-9]+)", done.stderr)
        if done.returncode or found is None:
            raise SystemExit(f"{self.program.name} failed: {done.stderr[-2000:]}")
        return int(found[1])


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description="Count the instructions of a page.")
    parser.add_argument("--modes", nargs="+", choices=tuple(MODES), default=tuple(MODES))
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit("needs valgrind: apt install valgrind")
    rows = programs.prepare(Path(), ROWS.__contains__).programs
    counts = [Count(row, mode, pages) for mode in options.modes for row in rows for pages in (FEW, MANY)]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # NGINX, started by root, reads as nobody
        root = Path(folder) / "www"
        site.make_site(root, MANY)
        with site.serving(root) as base, ThreadPoolExecutor(AT_ONCE) as threads:
            taken = list(threads.map(lambda count: count.run(base, Path(folder)), counts))
    _show(dict(zip(counts, taken, strict=True)))


def _show(taken: dict[Count, int]) -> None:
    print(f"{'mode':6} {'row':6} {'million instructions a page':>28} {'÷ floor':>8}")
    floors: dict[str, float] = {}
    for count, many in taken.items():
        if count.pages == MANY:
            few = taken[Count(count.program, count.mode, FEW)]
            page = (many - few) / (MANY - FEW) / 1e6
            floor = floors.setdefault(count.mode, page)
            print(f"{count.mode:6} {count.program.name:6} {page:28.2f} {page / floor:8.2f}")


if __name__ == "__main__":
    main()
