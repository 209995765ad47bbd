"""How MongoDB and Redis are, for whoever runs them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from pymongo.errors import PyMongoError

from scrapr.model.errors import ScraprError
from scrapr.model.finding import (
    Finding,
    bad,
    good,
    judge_clock,
    judge_disk,
    judge_members,
    judge_version,
    warning,
)
from scrapr.storage import mongo, redis
from scrapr.storage.settings import MongoSettings, RedisSettings

MONGO_LEAST, REDIS_LEAST = (6, 0), (6, 2)


async def examine_mongo(settings: MongoSettings) -> list[Finding]:
    """Version, replica set, clock and disk of MongoDB."""
    try:
        async with mongo.connect(settings, "scrapr_data") as database:
            with mongo.translated():
                admin = database.client.admin
                hello = await admin.command("hello")
                now = time.time()
                version = str((await admin.command("buildInfo"))["version"])
                if "setName" not in hello:
                    advice = (
                        "start mongod with --replSet and run `scrapr initiate`: change streams need a set"
                    )
                    return [
                        judge_version("MongoDB", version, MONGO_LEAST),
                        bad("replica set", "none", advice),
                    ]
                status = await admin.command("replSetGetStatus")
                space = await database.command("dbStats")
    except (ScraprError, PyMongoError) as error:
        advice = "look at SCRAPR_MONGO_URL and its password, and whether most members of the replica set run"
        return [bad("MongoDB", str(error).split(", Topology")[0].split(", full error")[0], advice)]
    return [
        judge_version("MongoDB", version, MONGO_LEAST),
        judge_set(status),
        *judge_sources(status),
        judge_clock("MongoDB's clock", hello["localTime"].timestamp() - now),
        judge_disk("MongoDB's disk", space["fsUsedSize"], space["fsTotalSize"]),
    ]


def judge_set(status: Mapping[str, Any]) -> Finding:
    """A replica set by what `replSetGetStatus` tells."""
    well = {"PRIMARY", "SECONDARY", "ARBITER"}
    members = {
        each["name"]: "" if each["stateStr"] in well else str(each["stateStr"]).lower()
        for each in status["members"]
    }
    leads = (each["name"] for each in status["members"] if each["stateStr"] == "PRIMARY")
    return judge_members("replica set", members, leader=next(leads, None))


def judge_sources(status: Mapping[str, Any]) -> Iterator[Finding]:
    """The members of a replica set that follow another than the primary, by what `replSetGetStatus` tells."""
    leads = [each["name"] for each in status["members"] if each["stateStr"] == "PRIMARY"]
    followed = {each["name"]: each.get("syncSourceHost") for each in status["members"]}
    if chained := [name for name, source in followed.items() if leads and source and source not in leads]:
        advice = (
            "rs.reconfig({...rs.conf(), settings: {...rs.conf().settings, chainingAllowed: false}}): "
            "else writes wait for half a minute when the machine of a member that others follow is lost"
        )
        yield warning("members that follow no primary", ", ".join(chained), advice)


async def examine_redis(settings: RedisSettings) -> list[Finding]:
    """Version, persistence, replica and clock of Redis."""
    try:
        async with redis.connect(settings) as client:
            with redis.translated():
                told = await client.info()
                seconds, microseconds = await client.time()
                now = time.time()
    except ScraprError as error:
        return [bad("Redis", error.detail, "look at SCRAPR_REDIS_URL, its password, and whether Redis runs")]
    return [
        judge_version("Redis", str(told["redis_version"]), REDIS_LEAST),
        *judge_redis(told),
        judge_clock("Redis's clock", seconds + microseconds / 1e6 - now),
    ]


def judge_redis(told: Mapping[str, Any]) -> Iterator[Finding]:
    """Redis by what `INFO` tells."""
    if told["role"] != "master":
        yield bad("Redis's role", str(told["role"]), "SCRAPR_REDIS_URL must name the one that takes writes")
    elif told["connected_slaves"]:
        yield good("Redis's replica", f"{told['connected_slaves']} connected")
    else:
        yield warning(
            "Redis's replica", "none", "start one, so that a lost disk is no lost copy (deploy/stack.yml)"
        )
    if told.get("aof_enabled") or told.get("rdb_changes_since_last_save") == 0:
        yield good("Redis's persistence", "appended to a file" if told.get("aof_enabled") else "snapshots")
    else:
        yield warning("Redis's persistence", "snapshots, some changes not in one yet", "use --appendonly yes")
    if told.get("maxmemory") and told.get("maxmemory_policy") == "noeviction" and _is_full(told):
        yield bad("Redis's memory", f"{told['used_memory_human']} used of its limit", "raise maxmemory")


def _is_full(told: Mapping[str, Any]) -> bool:
    return bool(told["used_memory"] > 0.9 * told["maxmemory"])
