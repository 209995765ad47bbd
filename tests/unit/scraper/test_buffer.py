"""What a run has read waits for the datasource: so many pages, and so many bytes of items."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from scrapr.roles.scraper.buffer import Buffer
from scrapr.roles.scraper.walk import Found


def page(*texts: str) -> Found:
    return Found("http://site/page", [{"text": text} for text in texts], "http://site/page", None)


async def fill(buffer: Buffer, pages: Sequence[Found]) -> int:
    """Put pages in until there is no more room; how many that were."""
    for number, each in enumerate(pages):
        if buffer.full():
            return number
        await buffer.put(each)
    return len(pages)


async def test_short_pages_are_counted() -> None:
    assert await fill(Buffer(pages=5, most=1_000_000), [page("x")] * 20) == 5


async def test_long_pages_are_weighed_and_the_last_may_go_beyond() -> None:
    assert await fill(Buffer(pages=100, most=1000), [page("x" * 400)] * 20) == 3
    assert await fill(Buffer(pages=100, most=1000), [page("x" * 4000)] * 20) == 1


async def test_who_waits_for_room_goes_on_when_a_page_is_taken() -> None:
    buffer = Buffer(pages=100, most=1000)
    await buffer.put(page("x" * 2000))
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(buffer.put(page("y")))
        await asyncio.sleep(0)
        assert not waiting.done()
        assert await buffer.get() == page("x" * 2000)
    assert list(buffer.take_waiting()) == [page("y")]
    assert not buffer.full()


async def test_the_end_stays_behind_what_is_taken() -> None:
    buffer = Buffer(pages=100, most=1000)
    for each in (page("a"), page("b"), None):
        await buffer.put(each)
    assert list(buffer.take_waiting()) == [page("a"), page("b")]
    assert list(buffer.take_waiting()) == []
    assert await buffer.get() is None
