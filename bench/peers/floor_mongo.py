"""The floor with its items in MongoDB: inserted as documents, durable, and no more. `MODE PAGES CONCURRENCY BASE OUT`.

What MongoDB has in the end is written to the file, to be counted.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson
import psutil
import uvloop
from pydantic import SecretStr

from bench.peers.floor import Floor, Item, open_session, scrape
from scrapr.embedded import mongod
from scrapr.embedded.settings import EmbeddedSettings
from scrapr.storage.mongo import connect
from scrapr.storage.settings import MongoSettings

WAITING = 8
"""Pages whose items are on their way to MongoDB; the next waits."""


async def main(mode: str, pages: int, concurrency: int, base: str, out: Path) -> None:
    """Run and print one line of JSON."""
    with tempfile.TemporaryDirectory() as data:
        async with (
            mongod.running(Path(data), EmbeddedSettings()) as url,
            connect(MongoSettings(url=SecretStr(url)), "bench") as database,
            open_session() as session,
        ):
            process = next(
                each for each in psutil.Process().children(recursive=True) if each.name() == "mongod"
            )
            room = asyncio.Semaphore(WAITING)
            started, cpu, others = time.perf_counter(), time.process_time(), _cpu(process)
            async with asyncio.TaskGroup() as group:

                async def insert(items: list[Any]) -> None:
                    await database.items.insert_many(items)
                    room.release()

                async def write(items: list[Item]) -> None:
                    await room.acquire()
                    group.create_task(insert(items))

                floor = Floor(session, write)
                await scrape(floor, mode, pages, concurrency, base)
            spent = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}
            beside = {"mongod": _cpu(process) - others}
            kept = [each async for each in database.items.find({}, {"_id": False})]
    with out.open("wb") as file:
        file.writelines(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in kept)
    print(json.dumps({"pages": floor.pages, "items": floor.items, **spent, "others": beside}))


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], Path(sys.argv[5])))
