"""`scrapr initiate` against a real mongod with a key file, and what `scrapr doctor` says before and after."""

from __future__ import annotations

import base64
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from scrapr.embedded import binaries
from scrapr.model.errors import Refused, Unavailable
from scrapr.storage import mongo
from scrapr.storage.checkup import examine_mongo, examine_redis
from scrapr.storage.replicaset import initiate
from scrapr.storage.settings import MongoSettings, RedisSettings
from tests.conftest import find


@dataclass(frozen=True)
class Guarded:
    """A mongod that belongs to no set yet and knows nobody but who has the key."""

    port: int
    key: Path

    def settings(self, password: str = "first", *, name: str = "set1", timeout: float = 5) -> MongoSettings:
        """How scrapr would reach it."""
        options = f"replicaSet={name}&authSource=admin" if name else ""
        url = f"mongodb://scrapr:{password}@127.0.0.1:{self.port}/?{options}"
        return MongoSettings(url=SecretStr(url), timeout=timeout)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, free_port: Any) -> Iterator[Guarded]:
    """Started with --replSet and --keyFile, as deploy/stack.yml starts its members."""
    folder, port = tmp_path_factory.mktemp("guarded"), free_port()
    key = folder / "key"
    key.write_text(base64.encodebytes(secrets.token_bytes(300)).decode())
    key.chmod(0o400)
    command = [find(binaries.MONGOD), "--replSet", "set1", "--bind_ip", "127.0.0.1", "--port", port]
    command += ["--dbpath", folder, "--keyFile", key, "--wiredTigerCacheSizeGB", "0.25", "--nounixsocket"]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL) as process:
        yield Guarded(port, key)
        process.kill()


async def test_it_makes_the_set_and_the_user_once_and_changes_the_password_when_it_runs_again(
    guarded: Guarded, until: Any
) -> None:
    async def made() -> str | None:
        try:
            return await initiate(guarded.settings(), guarded.key)
        except Unavailable:
            return None  # it does not listen yet

    assert "is made" in await until(made, seconds=60)
    assert "was there already" in await initiate(guarded.settings(), guarded.key)
    async with mongo.connect(guarded.settings(), "scrapr_data") as database:
        await database["things"].insert_one({"a": 1})
        config = (await database.client.admin.command("replSetGetConfig"))["config"]
        assert config["settings"]["chainingAllowed"] is False
    found = {each.part: each for each in await examine_mongo(guarded.settings())}
    assert {part: each.state for part, each in found.items() if part != "MongoDB's disk"} == {
        "MongoDB": "good",
        "replica set": "warning",  # of one
        "MongoDB's clock": "good",
    }

    await initiate(guarded.settings("second"), guarded.key)
    async with mongo.connect(guarded.settings("second"), "scrapr_data") as database:
        assert await database["things"].count_documents({}) == 1
    [locked_out] = await examine_mongo(guarded.settings("first"))
    assert locked_out.state == "bad"


async def test_a_url_without_a_set_and_a_key_file_that_is_not_there_are_refused(
    guarded: Guarded, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match="names no replica set"):
        await initiate(guarded.settings(name=""), guarded.key)
    with pytest.raises(Refused, match="SCRAPR_MONGO_URL is not set"):
        await initiate(MongoSettings(), None)
    wrong = tmp_path / "key"
    wrong.write_text("another key")
    with pytest.raises(Refused, match="Authentication failed"):
        await initiate(guarded.settings(), wrong)
    with pytest.raises(Refused, match="No such file"):
        await initiate(guarded.settings(), tmp_path / "nothing")


@pytest.mark.usefixtures("dropped_sockets")
async def test_servers_that_are_away_are_told_with_what_to_do(free_port: Any, redis_url: str) -> None:
    away = MongoSettings(url=SecretStr(f"mongodb://127.0.0.1:{free_port()}"), timeout=0.3)
    [finding] = await examine_mongo(away)
    assert (finding.state, "SCRAPR_MONGO_URL" in finding.advice) == ("bad", True)
    nowhere = RedisSettings(url=SecretStr(f"redis://127.0.0.1:{free_port()}"), timeout=0.3)
    [finding] = await examine_redis(nowhere)
    assert (finding.state, "SCRAPR_REDIS_URL" in finding.advice) == ("bad", True)
    found = {each.part: each.state for each in await examine_redis(RedisSettings(url=SecretStr(redis_url)))}
    assert found["Redis"] == "good"
    assert found["Redis's replica"] == "warning"
