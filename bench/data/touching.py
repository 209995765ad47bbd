"""What 1,000 touched records cost to reduce in a collection of 10,000 and in one of 1,000,000, in turn.

The collections are written as the datasource would have written them, past the inbox. Records touched are spread over
the whole collection, and each of them changes.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import orjson

from bench.data.posting import make_item
from bench.data.stage import Stage, at_most
from bench.verdicts import Verdict
from scrapr.roles.datasource.documents import document_of_kept, document_of_standing
from scrapr.roles.datasource.standing import Feed, Kept, Standing
from scrapr.storage.mongo import Document

SMALL = 10_000
TOUCHED = 1000
MOST = 1.5
PIECE = 10_000


async def measure(stage: Stage) -> list[Verdict]:
    """Both collections, in turn."""
    sizes = {"touched-small": SMALL, "touched-large": stage.records}
    for name, size in sizes.items():
        await _fill(stage, name, size)
    seconds: dict[str, list[float]] = {name: [] for name in sizes}
    for turn in range(3 * stage.rounds):
        for name, size in sizes.items():
            seconds[name].append(await _touch(stage, name, size, turn))
    for name, size in sizes.items():
        print(f"  {TOUCHED} of {size:,}: {statistics.median(seconds[name]) * 1e3:.0f} ms", flush=True)
    ratios = [large / small for small, large in zip(*seconds.values(), strict=True)]
    return [at_most(f"reducing {TOUCHED:,} records of {stage.records:,} ÷ of {SMALL:,}", MOST, ratios)]


async def _touch(stage: Stage, name: str, size: int, turn: int) -> float:
    numbers = random.Random(turn).sample(range(size), TOUCHED)
    items = [make_item(number, price=1000 + turn) for number in numbers]
    version = await stage.version(name)
    body = orjson.dumps({"collection": name, "data": items})
    started = time.perf_counter()
    await stage.post(body)
    await stage.until_version(name, version + TOUCHED)
    return time.perf_counter() - started


async def _fill(stage: Stage, name: str, size: int) -> None:
    print(f"  writing {size:,} records …", flush=True)
    records = stage.client["scrapr_data"]["records"]
    now = datetime.now(UTC)
    for first in range(0, size, PIECE):
        await records.insert_many(list(_records(name, first, min(first + PIECE, size), now)), ordered=False)
    # At turn 0 nobody has reduced it, and whoever does first takes it.
    standing = Standing(name, version=size, records=size, order=1, updated_at=now)
    await stage.client["scrapr_data"]["collections"].insert_one(
        {"_id": name, **document_of_standing(standing)}
    )


def _records(name: str, first: int, after: int, now: datetime) -> Iterator[Document]:
    for number in range(first, after):
        values = make_item(number)
        feeds = (Feed(None, "filled", 1),)
        yield document_of_kept(
            name, Kept(values["title"], values, number + 1, number + 1, now, now, now, feeds)
        )
