"""One filter, one sort and a page of 50 on a mirror of a million records, with the index there.

Run with `python bench/query.py [records]`.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from scrapr.model.item import Item
from scrapr.roles.endpoint import row, sql
from scrapr.roles.endpoint.mirror import Mirror
from scrapr.roles.endpoint.query import Copy
from scrapr.roles.endpoint.row import Row
from scrapr.roles.endpoint.selection import Selection, read

QUERIES = 300
AT = datetime(2026, 1, 2, tzinfo=UTC)
ASKED = ("city=c{n}&sort=price", "price[lte]={n}&sort=-price", "price[gte]={n}&sort=title", "city=c{n}")


def main() -> None:
    """Load, ask once, index, and ask again."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    mirror = Mirror(folder="", readers=1)
    table = mirror.stage()
    mirror.load(table, _rows(count))
    mirror.settle(Copy(table, count))
    for asked in ASKED:
        cold = _ask(mirror, table, asked, 1)
        began = time.perf_counter()
        mirror.index(table, sql.index(_selection(asked, 1)) or "", most=8)
        indexing = time.perf_counter() - began
        times = sorted(_ask(mirror, table, asked, 1 + n % 99) for n in range(QUERIES))
        median, worst = times[QUERIES // 2] * 1e3, times[int(QUERIES * 0.99)] * 1e3
        print(
            f"{asked:<30} no index {cold * 1e3:7.1f} ms  indexing {indexing:5.2f} s  "
            f"p50 {median:6.2f} ms  p99 {worst:6.2f} ms  goal 50 ms"
        )


def _rows(count: int) -> Iterator[Row]:
    dice = random.Random(1)
    for n in range(count):
        item: Item = {
            "title": f"t{dice.random()}",
            "price": dice.randrange(10_000) / 100,
            "city": f"c{n % 100}",
        }
        yield row.make(str(n), n, n, item, AT)


def _selection(asked: str, n: int) -> Selection:
    pairs = (part.split("=") for part in asked.format(n=n).split("&"))
    return read((name, value) for name, value in pairs)


def _ask(mirror: Mirror, table: int, asked: str, n: int) -> float:
    wanted = _selection(asked, n)
    began = time.perf_counter()
    mirror.select(table, wanted, None, limit=50, counted=1000, seconds=60)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
