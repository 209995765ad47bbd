"""A process that hangs ends itself and says where."""

from __future__ import annotations

import asyncio
import sys

import pytest

PROGRAM = """
import asyncio, threading
from scrapr.runtime.watchdog import watched

def hang():
    threading.Event().wait()

async def live():
    async with watched({limit}):
        await asyncio.sleep({work})
        {then}

asyncio.run(live())
print("ended")
"""


async def run(limit: float, work: float, then: str) -> tuple[int | None, str, str]:
    """The exit code and the outputs of a process that works, and then does something."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM.format(limit=limit, work=work, then=then),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    stdout, stderr = await process.communicate()
    return process.returncode, stdout.decode(), stderr.decode()


async def test_a_process_that_hangs_ends_and_tells_where_it_hung() -> None:
    code, stdout, stderr = await run(0.5, 0, "hang()")
    assert (code, stdout) == (1, "")
    assert "in hang" in stderr


@pytest.mark.parametrize("limit", [0.5, 0])
async def test_a_process_that_works_longer_than_that_goes_on(limit: float) -> None:
    assert await run(limit, 1.5, "pass") == (0, "ended\n", "")


async def test_what_comes_after_the_watch_may_take_its_time() -> None:
    code, stdout, _ = await run(0.2, 0, "pass\n    import time; time.sleep(0.6)")
    assert (code, stdout) == (0, "ended\n")
