"""Whoever joins a collection's room is told what changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from scrapr.model.change import Changes
from scrapr.model.errors import Invalid
from scrapr.roles.datasource.announcer import Announcer


def heard(listener: Any) -> list[Changes]:
    return [Changes.model_validate(payload) for event, payload in listener.told if event == "changes"]


def has_come_to(listener: Any, version: int) -> Callable[[], Awaitable[bool]]:
    async def has_come() -> bool:
        told = heard(listener)
        return bool(told) and told[-1].latest >= version

    return has_come


async def test_a_newcomer_is_told_where_the_collection_is(datasource: Any, until: Any, listen: Any) -> None:
    await datasource.send("c", {"title": "a"}, {"title": "b"})
    await until(datasource.reduced)
    listener = listen(datasource, "c")
    await until(listener.joined)
    assert listener.reply == {"version": 2}
    await datasource.send("c", {"title": "d"})
    await until(has_come_to(listener, 3))
    (told,) = heard(listener)
    assert (told.since, told.version, [change.key for change in told.changes]) == (2, 3, ["d"])


async def test_every_replica_tells_its_own_clients(start: Any, until: Any, listen: Any) -> None:
    here, there = await start(), await start()
    listeners = [listen(here, "c"), listen(there, "c")]
    for listener in listeners:
        await until(listener.joined)
    for number in range(10):
        await here.send("c", {"title": f"t{number}"})
    for listener in listeners:
        await until(has_come_to(listener, 10))
        told = heard(listener)
        assert [change.version for each in told for change in each.changes] == list(range(1, 11))


async def test_a_room_hears_of_its_collection_alone(datasource: Any, until: Any, listen: Any) -> None:
    first, second = listen(datasource, "a"), listen(datasource, "b")
    await until(first.joined)
    await until(second.joined)
    await datasource.send("a", {"title": "x"})
    await until(has_come_to(first, 1))
    await datasource.send("b", {"title": "x"})
    await until(has_come_to(second, 1))
    assert [told.collection for told in heard(first)] == ["a"]


async def test_very_many_changes_are_told_piece_by_piece(
    start: Any, until: Any, listen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look(_: Announcer) -> None:
        """The change stream may be faster than who wrote, and tells of so many only that they are there."""

    monkeypatch.setattr(Announcer, "_look", look)
    datasource = await start(push=3)
    listener = listen(datasource, "c")
    await until(listener.joined)
    await datasource.send("c", *({"title": f"t{number}"} for number in range(4)))
    await until(has_come_to(listener, 4))
    await datasource.send("c", *({"title": f"u{number}"} for number in range(3)))
    await until(has_come_to(listener, 7))
    told = heard(listener)
    assert [(each.since, each.version, each.latest, len(each.changes)) for each in told] == [
        (0, 3, 4, 3),
        (3, 4, 4, 1),
        (4, 7, 7, 3),
    ]


async def test_what_changed_while_the_announcer_was_away_is_told_when_it_is_back(
    datasource: Any, until: Any, listen: Any
) -> None:
    listener = listen(datasource, "c")
    await until(listener.joined)
    await datasource.send("c", {"title": "a"})
    await until(has_come_to(listener, 1))
    await datasource.kill()
    await datasource.send("c", {"title": "b"})
    datasource.wake()
    await until(has_come_to(listener, 2))
    assert [(told.since, told.version) for told in heard(listener)] == [(0, 1), (1, 2)]


@pytest.mark.parametrize("wish", [None, 7, {}, {"collection": "a/b"}, {"collection": "c", "since": -1}])
async def test_a_bad_wish_is_refused(datasource: Any, until: Any, listen: Any, wish: Any) -> None:
    listener = listen(datasource, "c")
    await until(listener.joined)
    with pytest.raises(Invalid):
        await listener._feed.join(wish)


async def test_joining_while_changes_flow_leaves_no_gap(datasource: Any, until: Any, listen: Any) -> None:
    async def flow() -> None:
        for number in range(30):
            await datasource.send("c", {"title": f"t{number}"})

    async with asyncio.TaskGroup() as group:
        group.create_task(flow())
        listener = listen(datasource, "c")
        await until(listener.joined)
    await until(has_come_to(listener, 30))
    told = heard(listener)
    assert told[0].since <= listener.reply["version"]
    assert [each.since for each in told[1:]] == [each.latest for each in told[:-1]]
