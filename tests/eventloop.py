"""Measures for how long the event loop was held up."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

BLOCKED_MOST = 0.1
"""Seconds for which nothing of scrapr's holds up the event loop, whatever comes in."""


@asynccontextmanager
async def unblocked(most: float = BLOCKED_MOST) -> AsyncIterator[list[float]]:
    """The gaps between the loop's turns, in seconds; in the end, fail if one is longer than `most`.

    What counts is the loop's own time on a processor; of the time by the clock, which others of a busy machine take, a
    twentieth, so that a call that waits or keeps the interpreter is seen all the same.
    """
    gaps = [0.0]

    async def watch() -> None:
        while True:
            computed, passed = time.thread_time(), time.perf_counter()
            await asyncio.sleep(0.005)
            gaps.append(max(time.thread_time() - computed, (time.perf_counter() - passed) / 20))

    gc.freeze()  # what earlier tests left is not the loop's to look through: that alone may take half a second
    try:
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(watch())
            await asyncio.sleep(0)
            yield gaps
            await asyncio.sleep(0.01)
            watcher.cancel()
    finally:
        gc.unfreeze()
    assert max(gaps) < most, f"the loop stood still for {max(gaps):.3f} s"
