"""Ending tasks for sure."""

from __future__ import annotations

import asyncio
from typing import Any


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel `tasks` until they are done: on Python 3.11 the drivers of MongoDB and Redis may keep a cancellation."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        pending = (await asyncio.wait(pending, timeout=0.05))[1]
