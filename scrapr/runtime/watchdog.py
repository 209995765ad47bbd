"""A process whose event loop stands still ends itself and says where it stood; whoever keeps it starts it anew.

The standard library's `faulthandler` waits in a thread that needs no interpreter, so that it sees also a call that
never gives the interpreter back. Modelled on systemd's `WatchdogSec`.
"""

from __future__ import annotations

import asyncio
import faulthandler
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PARTS = 4
"""How often the watchdog is fed within its limit."""


@asynccontextmanager
async def watched(limit: float) -> AsyncIterator[None]:
    """While the block lasts, end the process with code 1 once its loop has not turned for `limit` seconds; 0: never.

    What all threads were doing is written to stderr.
    """
    if not limit:
        yield
        return
    feeding = asyncio.create_task(_feed(limit), name="watchdog")
    try:
        yield
    finally:
        feeding.cancel()
        faulthandler.cancel_dump_traceback_later()


async def _feed(limit: float) -> None:
    while True:
        faulthandler.dump_traceback_later(limit, exit=True, file=sys.__stderr__ or sys.stderr)
        await asyncio.sleep(limit / PARTS)
