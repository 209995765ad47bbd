from __future__ import annotations

import pytest

from scrapr.model.errors import Conflict, Invalid
from scrapr.model.pool import PoolDraft
from scrapr.roles.config import pools
from scrapr.roles.config.settings import ConfigSettings

DEFAULTS = pools.default_pools(ConfigSettings(pool_slots=7, pool_replicas_min=0))
EU = {"scraper-eu": PoolDraft(role="scraper", place="eu")}


def test_two_pools_exist_from_the_start_as_the_settings_say() -> None:
    assert set(DEFAULTS) == {"scraper-default", "endpoint-default"}
    assert {(pool.slots, pool.replicas_min, pool.replicas_max) for pool in DEFAULTS.values()} == {(7, 0, 100)}


def test_the_places_of_scrapers_and_of_endpoints_are_apart() -> None:
    assert pools.places([*DEFAULTS.values(), *EU.values()]) == {
        "scraper": {"default", "eu"},
        "endpoint": {"default"},
    }


def test_each_pool_is_told_with_the_work_for_it() -> None:
    counts = [{"type": "scraper", "pool": "eu", "configurations": 3, "claimed": 2}]
    told = pools.with_work({**DEFAULTS, **EU}, counts)
    assert [(pool.name, pool.configurations, pool.claimed) for pool in told] == [
        ("endpoint-default", 0, 0),
        ("scraper-default", 0, 0),
        ("scraper-eu", 3, 2),
    ]


def test_a_pool_is_called_after_its_role_and_place() -> None:
    pools.check_name("scraper-eu", EU["scraper-eu"])
    with pytest.raises(Invalid):
        pools.check_name("scraper-us", EU["scraper-eu"])


def test_a_default_pool_and_one_with_work_cannot_be_removed() -> None:
    busy = [{"type": "scraper", "pool": "eu", "configurations": 1, "claimed": 0}]
    for pool in pools.with_work({**DEFAULTS, **EU}, busy):
        with pytest.raises(Conflict):
            pools.check_removal(pool)
    pools.check_removal(*pools.with_work(EU, []))
