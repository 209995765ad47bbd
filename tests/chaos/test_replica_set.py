"""A replica set of three loses its primary again and again: what was acknowledged is with the others."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.chaos import servers
from tests.chaos.conftest import Extent
from tests.chaos.flow import flowing
from tests.chaos.servers import START_WITHIN, Server
from tests.chaos.test_stores import ENDLESS, let_flow
from tests.chaos.town import Town, founded
from tests.system.machine import wait_for


@contextmanager
def founded_upon_three(folder: Path) -> Iterator[tuple[Town, Sequence[Server]]]:
    """A town upon a replica set of three, and its members."""
    members = [servers.mongod(folder / f"mongod-{number}") for number in range(3)]
    redis = servers.redis_server(folder / "redis")
    with servers.running(*members, redis):
        wait_for(lambda: servers.answers_redis(redis))
        url = servers.initiate(members)
        with founded(folder, url, f"redis://127.0.0.1:{redis.port}") as town:
            yield town, members


def test_a_replica_set_that_loses_its_primary_loses_no_acknowledged_write(
    tmp_path: Path, extent: Extent, dice: random.Random, tell: list[str]
) -> None:
    with (
        founded_upon_three(tmp_path) as (town, members),
        flowing(town, "set", seed=dice.random(), items=ENDLESS) as flow,
    ):
        for _ in range(extent.kills):
            let_flow(flow, dice)
            primary: Server = wait_for(lambda: servers.find_primary(members), START_WITHIN)
            primary.kill()
            # It goes on with two; what they acknowledged meanwhile is all that the third learns when it is back.
            let_flow(flow, dice)
            primary.start()
            wait_for(lambda: servers.is_whole(members), START_WITHIN)
        let_flow(flow, dice)
        flow.settle(within=extent.patience)
        tell.append(
            f"replica set: lost its primary {extent.kills} times, while {flow.items} items were posted"
        )
