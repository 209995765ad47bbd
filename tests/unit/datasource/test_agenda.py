from __future__ import annotations

import asyncio

import pytest

from scrapr.roles.datasource.agenda import Agenda

LONG = 3600.0


async def take(agenda: Agenda) -> str:
    async with asyncio.timeout(60), agenda.next() as name:
        return name


async def test_what_is_marked_often_is_handed_out_once() -> None:
    agenda = Agenda(gather=0)
    for name in "aba":
        agenda.mark(name)
    assert [await take(agenda), await take(agenda)] == ["a", "b"]
    assert agenda.settled


async def test_what_nobody_works_on_is_handed_out_at_once() -> None:
    agenda = Agenda(gather=LONG)
    agenda.mark("a")
    assert await take(agenda) == "a"
    agenda.mark("a")
    assert await take(agenda) == "a"


async def test_what_comes_while_somebody_works_on_it_is_gathered_before_it_is_handed_out_again() -> None:
    agenda = Agenda(gather=0.01)
    agenda.mark("a")
    async with agenda.next():
        agenda.mark("a")
    agenda.mark("a")
    agenda.mark("b")
    assert await take(agenda) == "b"
    assert not agenda.settled
    assert await take(agenda) == "a"
    assert agenda.settled


async def test_what_is_gathered_is_nobodys_so_that_the_end_does_not_wait_for_it() -> None:
    agenda = Agenda(gather=LONG)
    agenda.mark("a")
    async with agenda.next():
        agenda.mark("a")
    async with asyncio.timeout(60):
        await agenda.close()
    assert not agenda.settled


async def test_what_is_urgent_is_handed_out_again_at_once() -> None:
    agenda = Agenda(gather=LONG)
    agenda.mark("a")
    async with agenda.next():
        agenda.mark("a", urgent=True)
    assert [await take(agenda)] == ["a"]
    assert agenda.settled


async def test_what_is_urgent_gathers_no_more_but_rests_if_more_comes_meanwhile() -> None:
    agenda = Agenda(gather=LONG)
    agenda.mark("a")
    async with agenda.next():
        agenda.mark("a", urgent=True)
        agenda.mark("a")
    agenda.mark("b")
    assert [await take(agenda), await take(agenda)] == ["b", "a"]
    assert agenda.settled


async def test_what_failed_stays_marked() -> None:
    agenda = Agenda(gather=0)
    agenda.mark("a")
    with pytest.raises(ZeroDivisionError):
        async with agenda.next():
            raise ZeroDivisionError
    assert await take(agenda) == "a"
