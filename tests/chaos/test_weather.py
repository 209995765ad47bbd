"""What lies between the roles, and before MongoDB, is slow, resets connections, or swallows what they send."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos.conftest import Extent
from tests.chaos.flow import flowing
from tests.chaos.proxy import CALM, Proxy, Weather
from tests.chaos.servers import Server
from tests.chaos.test_stores import ENDLESS, let_flow
from tests.chaos.town import ANSWERS_WITHIN, HASTY, Replica, Town
from tests.conftest import find_free_port
from tests.system.machine import environment_with, wait_for

CREW = ("config", "datasource", "datasource", "scraper", "endpoint")
BAD = {
    "slow": Weather(delay=0.2),
    "resets": Weather(resets=0.1),
    "silence": Weather(is_silent=True),
}
PART = 3
"""One of each weather for so many kills."""
LASTS = 4.0
"""Seconds of bad weather at most."""


@dataclass(frozen=True)
class Coast:
    """A town each of whose parts is reached through a proxy, and those."""

    town: Town
    roles: Sequence[Proxy]
    mongod: Proxy


@pytest.fixture(scope="module")
def coast(stores: tuple[Server, Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coast]:
    """One that the tests of this module share."""
    mongod, redis = stores
    with settled(mongod, redis, tmp_path_factory.mktemp("coast")) as found:
        yield found


@contextmanager
def settled(mongod: Server, redis: Server, folder: Path) -> Iterator[Coast]:
    """Start the crew, each behind a proxy of its own."""
    dice = random.Random(mongod.port)
    before_mongod = Proxy(mongod.port, dice)
    mongo_url = f"mongodb://127.0.0.1:{before_mongod.port}/?directConnection=true"
    redis_url = f"redis://127.0.0.1:{redis.port}"
    settings = {"SCRAPR_MONGO_URL": mongo_url, "SCRAPR_REDIS_URL": redis_url, **HASTY}
    urls: dict[str, list[str]] = {}
    proxies = []
    with ExitStack() as stack:
        stack.enter_context(before_mongod.standing())
        for number, role in enumerate(CREW):
            port = find_free_port()
            proxy = Proxy(port, dice)
            stack.enter_context(proxy.standing())
            log = folder / f"{role}-{number}.log"
            replica = Replica(role, port, environment_with(settings), log, advertise=proxy.url)
            stack.enter_context(replica.living())
            urls.setdefault(role, []).append(proxy.url)
            proxies.append(proxy)
        town = Town(urls, find_processes=list)
        wait_for(town.is_ready, ANSWERS_WITHIN)
        yield Coast(town, proxies, before_mongod)


@pytest.mark.parametrize("where", ["roles", "mongod"])
def test_everything_arrives_once_whatever_the_weather_is(
    coast: Coast, extent: Extent, dice: random.Random, tell: list[str], where: str
) -> None:
    proxies = [coast.mongod] if where == "mongod" else coast.roles
    times = max(1, extent.kills // PART)
    with flowing(coast.town, f"weather-{where}", seed=dice.random(), items=ENDLESS) as flow:
        for _ in range(times):
            for weather in dice.sample(list(BAD.values()), len(BAD)):
                let_flow(flow, dice)
                for proxy in proxies:
                    proxy.weather = weather
                threading.Event().wait(dice.uniform(0, LASTS))
                for proxy in proxies:
                    proxy.weather = CALM
        let_flow(flow, dice)
        flow.settle(within=extent.patience)
    unknown = sum(each.unknown for each in flow.producers)
    broken = sum((proxy.broken for proxy in proxies), Counter())
    tell.append(
        f"weather before {where}: {times} times {', '.join(BAD)}; {broken['reset']} connections reset, "
        f"{broken['silent']} silent; {flow.items} items posted, {unknown} times again"
    )
