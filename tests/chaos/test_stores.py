"""MongoDB and Redis die, come back, and Redis forgets all it had, while data flows in."""

from __future__ import annotations

import random
import threading

import redis

from tests.chaos import servers
from tests.chaos.conftest import Extent
from tests.chaos.flow import Flow, flowing
from tests.chaos.servers import Server
from tests.chaos.town import ANSWERS_WITHIN, Town
from tests.system.machine import wait_for

AWAY = 1.5
"""Seconds for which a server is away at most."""
ENDLESS = 1_000_000_000


def let_flow(flow: Flow, dice: random.Random) -> None:
    """Wait until something is acknowledged again, and a moment more."""
    before = flow.items
    wait_for(lambda: flow.items > before, ANSWERS_WITHIN)
    threading.Event().wait(dice.uniform(0, 1))


def test_mongod_is_killed_and_started_again(
    stores: tuple[Server, Server], town: Town, extent: Extent, dice: random.Random, tell: list[str]
) -> None:
    mongod, _ = stores
    with flowing(town, "mongod", seed=dice.random(), items=ENDLESS) as flow:
        for _ in range(extent.kills):
            let_flow(flow, dice)
            mongod.kill()
            threading.Event().wait(dice.uniform(0, AWAY))
            mongod.start()
        let_flow(flow, dice)
        flow.settle(within=extent.patience)
        tell.append(f"mongod: killed {extent.kills} times, while {flow.items} items were posted")


def test_redis_forgets_everything_and_is_killed(
    stores: tuple[Server, Server], town: Town, extent: Extent, dice: random.Random, tell: list[str]
) -> None:
    _, server = stores
    with flowing(town, "redis", seed=dice.random(), items=ENDLESS) as flow:
        for _ in range(extent.kills):
            let_flow(flow, dice)
            with redis.Redis(port=server.port) as client:
                client.flushall()
            let_flow(flow, dice)
            server.kill()
            threading.Event().wait(dice.uniform(0, AWAY))
            server.start()
            wait_for(lambda: servers.answers_redis(server))
        let_flow(flow, dice)
        flow.settle(within=extent.patience)
        tell.append(f"Redis: flushed and killed {extent.kills} times, while {flow.items} items were posted")
