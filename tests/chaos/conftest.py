"""How much chaos there is to be, and the town in which it happens."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos import servers
from tests.chaos.servers import Server
from tests.chaos.town import Town, founded
from tests.lanes import TOLD
from tests.system.machine import wait_for

KILLS, ITEMS = 2, 2000
"""The short form, which CI runs with all other tests."""


@dataclass(frozen=True)
class Extent:
    """How much chaos there is to be."""

    seed: int
    kills: int
    """Of each role."""
    items: int
    patience: float
    """Seconds after which all must be right again."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """How much chaos."""
    group = parser.getgroup("chaos")
    group.addoption("--seed", type=int, default=None, help="of all that happens at random; it is shown")
    group.addoption("--kills", type=int, default=KILLS, help="how often each role is killed")
    group.addoption("--items", type=int, default=ITEMS, help="how many items are posted meanwhile")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With more time than other tests have: it breaks things, and waits until they are whole."""
    is_short = config.getoption("--kills") <= KILLS and config.getoption("--items") <= ITEMS
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(900 if is_short else 24 * 3600))


@pytest.fixture
def tell(extent: Extent, request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Lines that are shown at the end of all tests."""
    lines = [f"the seed is {extent.seed} (--seed {extent.seed} does it again)"]
    yield lines
    request.node.user_properties += [(TOLD, line) for line in lines]


@pytest.fixture(scope="session")
def extent(request: pytest.FixtureRequest) -> Extent:
    """As the options say."""
    options = request.config
    seed = options.getoption("--seed", None)
    return Extent(
        seed=random.SystemRandom().randrange(1_000_000) if seed is None else seed,
        kills=options.getoption("--kills", KILLS),
        items=options.getoption("--items", ITEMS),
        patience=180.0,
    )


@pytest.fixture
def dice(extent: Extent, request: pytest.FixtureRequest) -> random.Random:
    """Of this test, the same for the same seed."""
    return random.Random(f"{extent.seed} {request.node.name}")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """A mongod, a replica set of one, and a Redis, which a test may kill and start again."""
    folder = tmp_path_factory.mktemp("stores")
    mongod, redis = servers.mongod(folder / "mongod"), servers.redis_server(folder / "redis")
    with servers.running(mongod, redis):
        wait_for(lambda: servers.answers_redis(redis))
        servers.initiate([mongod])
        yield mongod, redis


@pytest.fixture(scope="module")
def town(stores: tuple[Server, Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town upon them, which the tests of a module share."""
    mongod, redis = stores
    mongo_url = f"mongodb://127.0.0.1:{mongod.port}/?replicaSet=rs0"
    with founded(tmp_path_factory.mktemp("town"), mongo_url, f"redis://127.0.0.1:{redis.port}") as found:
        yield found
