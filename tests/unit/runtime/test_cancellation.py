"""A cancellation arrives, also in the turn in which what is waited for is done."""

from __future__ import annotations

import asyncio

import pytest

import scrapr.runtime  # noqa: F401 - importing it mends asyncio


async def test_a_cancellation_in_the_turn_of_the_answer_arrives() -> None:
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def wait() -> None:
        await asyncio.wait_for(answer, 10)
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(wait())
        await asyncio.sleep(0)
        answer.set_result("come")
        task.cancel()
        await asyncio.wait([task], timeout=1)
        was_kept = not task.done()
        task.cancel()
    assert not was_kept


async def test_what_does_not_come_is_given_up() -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), 0.01)


@pytest.mark.parametrize("seconds", [None, 10.0])
async def test_what_comes_is_given(seconds: float | None) -> None:
    assert await asyncio.wait_for(asyncio.sleep(0, "come"), seconds) == "come"
