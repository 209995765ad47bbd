"""A cancellation must arrive: on Python 3.11 `asyncio.wait_for` keeps one now and then, and the drivers call it.

It does so when what it waits for is done in the same turn of the event loop. redis-py and PyMongo call it whenever
they send, so a task that was cancelled just then went on as if it had not been: see docs/decisions/0055.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def wait_for(awaitable: Awaitable[T], timeout: float | None) -> T:  # noqa: ASYNC109 - asyncio's own signature
    """As `asyncio.wait_for` does it from Python 3.12 on: the awaitable runs in this task, within a timeout."""
    async with asyncio.timeout(timeout):
        return await awaitable


def mend() -> None:
    """Put `wait_for` in the place of asyncio's, where that one keeps cancellations."""
    if sys.version_info < (3, 12):
        asyncio.wait_for = wait_for  # type: ignore[assignment]  # it names its types otherwise
