"""A change stream goes on where its reader was, or says that it cannot."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from bson import Timestamp
from pydantic import SecretStr

from scrapr.model.errors import Refused, Unavailable
from scrapr.storage import change_stream, mongo
from scrapr.storage import redis as redis_storage
from scrapr.storage.change_stream import Bookmark
from scrapr.storage.mongo import Database
from scrapr.storage.redis import CONNECTIONS
from scrapr.storage.settings import MongoSettings, RedisSettings
from tests.endings import end

INSERTS: list[dict[str, Any]] = [{"$match": {"operationType": "insert"}}]


async def read(database: Database, count: int, *, bookmark: Bookmark | None) -> list[Any]:
    """The next `count` notices: the number in a document, or None for "look at everything"."""
    found: list[Any] = []
    async with (
        asyncio.timeout(20),
        aclosing(change_stream.watch(database.things, INSERTS, bookmark=bookmark)) as events,
    ):
        async for event in events:
            found.append(event and event["fullDocument"]["n"])
            if len(found) == count:
                return found
    return found


async def saved(database: Database) -> Any:
    """The stored token."""
    return await database.tokens.find_one({"_id": "reader"})


async def test_a_first_reader_is_told_to_look_at_everything(database: Database) -> None:
    await database.things.insert_one({"n": 0})
    assert await read(database, 1, bookmark=Bookmark(database.tokens, "reader")) == [None]


async def test_a_reader_goes_on_after_what_it_has_done(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_stream, "SAVE_EVERY", 0)
    bookmark = Bookmark(database.tokens, "reader")
    watched = change_stream.watch(database.things, INSERTS, bookmark=bookmark)
    async with asyncio.timeout(20), aclosing(watched) as events:
        async for event in events:
            number = 0 if event is None else event["fullDocument"]["n"]
            if number == 2:
                break
            await database.things.insert_one({"n": number + 1})
    await database.things.insert_one({"n": 3})
    # What was read but not finished is told again: the token is stored after the effect.
    assert await read(database, 2, bookmark=Bookmark(database.tokens, "reader")) == [2, 3]


@pytest.mark.parametrize("token", [{"_data": "8263"}, {"_data": "not a token"}, {}])
async def test_a_token_that_is_none_leads_to_the_full_state(
    database: Database, token: dict[str, Any]
) -> None:
    await database.tokens.insert_one({"_id": "reader", "token": token})
    await database.things.insert_one({"n": 0})
    assert await read(database, 1, bookmark=Bookmark(database.tokens, "reader")) == [None]


async def test_the_token_of_an_idle_stream_moves(database: Database, until: Any) -> None:
    bookmark = Bookmark(database.tokens, "reader")

    async def idle() -> None:
        async with aclosing(change_stream.watch(database.things, INSERTS, bookmark=bookmark)) as events:
            async for _ in events:
                pass

    async with asyncio.TaskGroup() as group:
        task = group.create_task(idle())
        await until(lambda: saved(database))
        first = await saved(database)
        await database.others.insert_one({"n": 0})

        async def moved() -> bool:
            return bool(await saved(database) != first)

        await until(moved)
        await end(task)


@pytest.mark.usefixtures("dropped_sockets")
async def test_a_mongodb_that_does_not_answer_is_unavailable(free_port: Any) -> None:
    settings = MongoSettings(
        url=SecretStr(f"mongodb://127.0.0.1:{free_port()}/?directConnection=true"), timeout=0.2
    )
    async with mongo.connect(settings, "nowhere") as database:
        with pytest.raises(Unavailable, match="MongoDB"):
            await mongo.ping(database)


@pytest.mark.usefixtures("dropped_sockets")
async def test_a_redis_that_does_not_answer_is_unavailable(free_port: Any) -> None:
    settings = RedisSettings(url=SecretStr(f"redis://127.0.0.1:{free_port()}"), timeout=0.2)
    async with redis_storage.connect(settings) as client:
        with pytest.raises(Unavailable, match="Redis"):
            await redis_storage.ping(client)


async def test_more_commands_than_there_are_connections_to_redis_wait_for_their_turn(redis_url: str) -> None:
    async with redis_storage.connect(RedisSettings(url=SecretStr(redis_url))) as client:
        pauses = (client.blpop(["nothing comes here"], timeout=0.01) for _ in range(3 * CONNECTIONS))
        assert await asyncio.gather(*pauses) == [None] * 3 * CONNECTIONS


async def test_a_store_without_a_url_is_refused_by_the_name_of_its_setting() -> None:
    with pytest.raises(Refused, match="SCRAPR_MONGO_URL"):
        async with mongo.connect(MongoSettings(), "x"):
            pass
    with pytest.raises(Refused, match="SCRAPR_REDIS_URL"):
        async with redis_storage.connect(RedisSettings()):
            pass


async def test_what_only_the_driver_finds_wrong_in_a_url_is_refused_by_the_name_of_its_setting() -> None:
    with pytest.raises(Refused, match=r"SCRAPR_MONGO_URL: .*must be escaped"):
        async with mongo.connect(MongoSettings(url=SecretStr("mongodb://me:p@w@h/")), "x"):
            pass
    with pytest.raises(Refused, match=r"SCRAPR_REDIS_URL: .*socket_timeout"):
        async with redis_storage.connect(RedisSettings(url=SecretStr("redis://h?socket_timeout=long"))):
            pass


async def test_writes_wait_for_the_journal_of_a_majority(database: Database) -> None:
    assert database.write_concern.document == {"w": "majority", "j": True}
    await database.things.insert_one({"n": 0})
    hello = await database.client.admin.command("hello")
    assert isinstance(hello["lastWrite"]["majorityOpTime"]["ts"], Timestamp)
