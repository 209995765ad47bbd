from __future__ import annotations

from typing import Any

import pytest

from scrapr.model.errors import Invalid

EU = {"role": "scraper", "place": "eu", "slots": 3, "replicas_min": 0, "replicas_max": 5}


async def counts(config: Any) -> dict[str, tuple[int, int]]:
    return {pool.name: (pool.configurations, pool.claimed) for pool in await config.client.pools()}


async def test_the_default_pools_exist_from_the_start_with_their_work(start: Any, make_draft: Any) -> None:
    config = await start(pool_slots=3, sweep=3600)
    assert {pool.slots for pool in await config.client.pools()} == {3}
    for number in range(3):
        await config.client.add(make_draft(number))
    await config.claim("a", slots=2)
    assert await counts(config) == {"endpoint-default": (3, 0), "scraper-default": (3, 2)}
    await config.expire("a")
    assert await counts(config) == {"endpoint-default": (3, 0), "scraper-default": (3, 0)}


async def test_an_operators_word_on_a_default_pool_counts_and_stays(start: Any) -> None:
    config = await start(sweep=3600)
    wanted = {"role": "scraper", "slots": 1, "replicas_min": 2}
    status, pool = await config.ask("PUT", "/v1/pools/scraper-default", json=wanted)
    assert (status, pool["slots"], pool["replicas_min"], pool["place"]) == (200, 1, 2, "default")
    other = await start(pool_slots=50, sweep=3600)
    assert {pool.name: pool.slots for pool in await other.client.pools()} == {
        "endpoint-default": 50,
        "scraper-default": 1,
    }


async def test_a_configuration_may_name_only_a_pool_that_exists(config: Any, make_draft: Any) -> None:
    with pytest.raises(Invalid, match="pool: there is no such pool; allowed: default"):
        await config.client.add(make_draft(1, pool="eu"))
    await config.ask("PUT", "/v1/pools/scraper-eu", json=EU)
    await config.client.add(make_draft(1, pool="eu"))
    assert await counts(config) == {
        "endpoint-default": (1, 0),
        "scraper-default": (0, 0),
        "scraper-eu": (1, 0),
    }


async def test_a_pool_with_configurations_stays_and_an_empty_one_goes(config: Any, make_draft: Any) -> None:
    await config.ask("PUT", "/v1/pools/scraper-eu", json=EU)
    added = await config.client.add(make_draft(1, pool="eu"))
    assert (await config.ask("DELETE", "/v1/pools/scraper-eu"))[0] == 409
    await config.client.remove(added.id)
    assert (await config.ask("DELETE", "/v1/pools/scraper-eu"))[0] == 204
    assert (await config.ask("DELETE", "/v1/pools/scraper-eu"))[0] == 404
    assert (await config.ask("DELETE", "/v1/pools/scraper-default"))[0] == 409


async def test_a_pool_put_under_another_name_is_refused(config: Any) -> None:
    status, problem = await config.ask("PUT", "/v1/pools/scraper-us", json=EU)
    assert (status, problem["errors"][0]["field"]) == (422, "place")
