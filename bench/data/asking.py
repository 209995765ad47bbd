"""Queries of a mirror: filter, sort and a page of 50 on a million records; text search on 100,000.

Run alone with `python -m bench.data.asking [records]`. The mirror is asked as the endpoint's threads ask it; the index
is there, as it is from the second such query on.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Protocol

from bench.verdicts import Verdict
from scrapr.model.item import Item
from scrapr.roles.endpoint import row, sql
from scrapr.roles.endpoint.mirror import Mirror
from scrapr.roles.endpoint.query import Copy
from scrapr.roles.endpoint.row import Row
from scrapr.roles.endpoint.selection import Selection, read

QUERIES = 300
TEXTS = 100_000
WORDS = 5000
AT = datetime(2026, 1, 2, tzinfo=UTC)
ASKED = ("city=c{n}&sort=price", "price[lte]={n}&sort=-price", "price[gte]={n}&sort=title", "city=c{n}")
SEARCHED = ("q=w{n}", "q=w{n} common", "q=common", "q=w{n}*", "q=w{n}&sort=-price", "q=common&sort=price")
PAGE_MOST, SEARCH_MOST = 50.0, 100.0


class Stage(Protocol):
    """How many records are many."""

    @property
    def records(self) -> int:
        """Of the collection that is asked."""


async def measure(stage: Stage) -> list[Verdict]:
    """Both tables."""
    return await asyncio.to_thread(_measure, stage.records)


def _measure(records: int) -> list[Verdict]:
    mirror = Mirror(folder="", readers=1)
    many = _load(mirror, _records(records))
    verdicts = [_query(mirror, many, asked, f"{records:,} records", PAGE_MOST) for asked in ASKED]
    mirror.drop(many)
    texts = _load(mirror, _texts(TEXTS))
    began = time.perf_counter()
    mirror.make_searchable(texts)
    print(f"text of {TEXTS:,} records indexed in {time.perf_counter() - began:.1f} s")
    verdicts += [_query(mirror, texts, asked, f"{TEXTS:,} texts", SEARCH_MOST) for asked in SEARCHED]
    mirror.close()
    return verdicts


def _query(mirror: Mirror, table: int, asked: str, what: str, most: float) -> Verdict:
    cold = _ask(mirror, table, asked, 1)
    if columns := sql.index(_selection(asked, 1)):
        mirror.index(table, columns, most=8)
    times = sorted(_ask(mirror, table, asked, 1 + n % 99) for n in range(QUERIES))
    median, worst = times[QUERIES // 2] * 1e3, times[int(QUERIES * 0.99)] * 1e3
    figure = f"{worst:.1f} ms ({median:.1f}; {cold * 1e3:.0f})"
    return Verdict(f"{what}: {asked}, p99 (p50; first)", f"≤ {most:.0f} ms", figure, worst <= most)


def _load(mirror: Mirror, rows: Iterator[Row]) -> int:
    table = mirror.stage()
    mirror.load(table, rows)
    mirror.settle(Copy(table, 1))
    return table


def _records(count: int) -> Iterator[Row]:
    dice = random.Random(1)
    for n in range(count):
        item: Item = {
            "title": f"t{dice.random()}",
            "price": dice.randrange(10_000) / 100,
            "city": f"c{n % 100}",
        }
        yield row.make(str(n), n, n, item, AT)


def _texts(count: int) -> Iterator[Row]:
    dice = random.Random(1)
    words = [f"w{n}" for n in range(WORDS)]
    for n in range(count):
        item: Item = {
            "title": " ".join(dice.choices(words, k=5)),
            "text": " ".join(["common", *dice.choices(words, k=15)]),
            "price": dice.randrange(10_000) / 100,
        }
        yield row.make(str(n), n, n, item, AT)


def _selection(asked: str, n: int) -> Selection:
    pairs = (part.split("=", 1) for part in asked.format(n=n).split("&"))
    return read((name, value) for name, value in pairs)


def _ask(mirror: Mirror, table: int, asked: str, n: int) -> float:
    wanted = _selection(asked, n)
    began = time.perf_counter()
    mirror.select(table, wanted, None, limit=50, counted=1000, seconds=60)
    return time.perf_counter() - began


if __name__ == "__main__":
    print("\n".join(map(str, _measure(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))))
