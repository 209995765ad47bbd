"""The oplog no longer holds the place where a change stream was: what it would have told is found all the same.

No timer helps here: whoever waited for one would wait for an hour.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pymongo
import pytest

from scrapr.model.batch import Batch
from scrapr.roles.datasource.arrivals import document_of_batch
from tests.chaos import servers
from tests.chaos.conftest import Extent
from tests.chaos.flow import Flow, flowing
from tests.chaos.servers import Client, Server
from tests.chaos.test_stops import PART, stopped
from tests.chaos.test_stores import ENDLESS, let_flow
from tests.chaos.town import ANSWERS_WITHIN, Town, founded
from tests.system.machine import wait_for

MEGABYTE = 1 << 20
READERS = ("config", "datasource")
"""The roles that read change streams."""
WAYS = {"woken": (False, False), "killed": (True, False), "killed, places forgotten": (True, True)}
"""Whether the readers are killed, and whether the places are forgotten where they were."""
PATIENT = {"SCRAPR_DATASOURCE_RECONCILE": "3600", "SCRAPR_ENDPOINT_CHECK": "3600"}


@pytest.fixture
def patient_town(tmp_path: Path) -> Iterator[tuple[Town, Server]]:
    """A town whose safety timers never come, and its mongod."""
    mongod = servers.mongod(tmp_path / "mongod", oplog_mb=16, checkpoints=5)
    redis = servers.redis_server(tmp_path / "redis")
    with servers.running(mongod, redis):
        wait_for(lambda: servers.answers_redis(redis))
        url = servers.initiate([mongod])
        with founded(tmp_path, url, f"redis://127.0.0.1:{redis.port}", **PATIENT) as town:
            yield town, mongod


def roll(client: Client) -> None:
    """Write until nothing is in the oplog that was there before."""
    oplog = client["local"]["oplog.rs"]

    def end(direction: int) -> Any:
        return oplog.find({}, {"ts": 1}, sort=[("$natural", direction)], limit=1).next()["ts"]

    newest = end(-1)
    while end(1) <= newest:
        client["ballast"]["junk"].insert_many([{"junk": os.urandom(MEGABYTE)} for _ in range(8)])
        client["ballast"]["junk"].delete_many({})


def send_past_the_roles(client: Client, collection: str) -> None:
    """A batch as it lies in the inbox, of whose coming no datasource is told but by its change stream."""
    batch = Batch(collection=collection, data=[{"title": "found"}], run=collection)
    client["scrapr_data"]["inbox"].insert_one(document_of_batch(batch, collection))


def lose(flow: Flow, client: Client, collection: str, *, kill: bool, forget: bool) -> None:
    """Empty the oplog while nobody reads it; then the readers go on, or begin anew, maybe without knowing where."""
    with ExitStack() as stack:
        processes = [each for role in READERS for each in flow.town.processes(role)]
        for process in processes:
            stack.enter_context(stopped(process))
        send_past_the_roles(client, collection)
        roll(client)
        if forget:
            client["scrapr_data"]["tokens"].delete_many({})
        if kill:
            for process in processes:
                process.kill()


def is_found(town: Town, collection: str) -> bool:
    """Whether the record of `send_past_the_roles` is there."""
    answer = town.try_to_ask("datasource", f"/v1/collections/{collection}")
    return answer is not None and [each["key"] for each in answer["records"]] == ["found"]


def test_what_fell_out_of_the_oplog_is_found_by_a_look_at_everything(
    patient_town: tuple[Town, Server],
    extent: Extent,
    dice: random.Random,
    tell: list[str],
) -> None:
    town, mongod = patient_town
    url = f"mongodb://127.0.0.1:{mongod.port}/?directConnection=true"
    ways = dice.sample(list(WAYS), min(len(WAYS), max(1, extent.kills // PART)))
    client: Client
    with (
        pymongo.MongoClient(url, w="majority") as client,
        flowing(town, "oplog", seed=dice.random(), items=ENDLESS) as flow,
    ):
        for name in ways:
            kill, forget = WAYS[name]
            let_flow(flow, dice)
            collection = f"lost-{list(WAYS).index(name)}"
            lose(flow, client, collection, kill=kill, forget=forget)
            wait_for(lambda found=collection: is_found(town, found), ANSWERS_WITHIN)
            let_flow(flow, dice)
        flow.settle(within=extent.patience)
        tell.append(f"oplog: emptied, readers {', '.join(ways)}, while {flow.items} items were posted")
