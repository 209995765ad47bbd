"""Several replicas serve the same configuration, each with a claim of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest

WithEndpoints: TypeAlias = Callable[[int], Awaitable[Any]]


@pytest.fixture
def with_endpoints(start: Any, make_draft: Any) -> WithEndpoints:
    """A function that starts a config with two copies of each endpoint, and with so many collections."""

    async def begin(collections: int) -> Any:
        config = await start(pool_copies=2, lease=600, sweep=3600)
        for number in range(collections):
            await config.client.add(make_draft(number))
        return config

    return begin


async def test_two_replicas_claim_the_same_collection_and_a_third_none(with_endpoints: WithEndpoints) -> None:
    config = await with_endpoints(1)
    [first] = (await config.claim("first", type="endpoint")).claims
    [second] = (await config.claim("second", type="endpoint")).claims
    assert first.configuration.id == second.configuration.id
    assert (first.configuration.container, second.configuration.container) == ("first", "second")
    assert (await config.claim("third", type="endpoint")).claims == ()
    [again] = (await config.claim("first", type="endpoint")).claims
    assert again.epoch == first.epoch
    shown = await config.client.configuration(first.configuration.id)
    assert shown.container == "first"


async def test_one_replica_never_has_two_claims_on_a_configuration(with_endpoints: WithEndpoints) -> None:
    config = await with_endpoints(3)
    assert len((await config.claim("only", type="endpoint")).claims) == 3
    assert len((await config.claim("only", type="endpoint")).claims) == 3
    [pool] = [each for each in await config.client.pools() if each.name == "endpoint-default"]
    assert (pool.configurations, pool.claimed, pool.claims) == (3, 3, 3)


async def test_what_one_gives_back_another_takes_with_the_next_epoch_of_its_seat(
    with_endpoints: WithEndpoints,
) -> None:
    config = await with_endpoints(1)
    await config.claim("first", type="endpoint")
    await config.claim("second", type="endpoint")
    await config.client.release("second")
    [third] = (await config.claim("third", type="endpoint")).claims
    assert third.epoch == 2
    [first] = (await config.claim("first", type="endpoint", fresh=True)).claims
    assert first.epoch == 2


async def test_a_first_seat_that_expires_is_taken_while_the_copy_serves_on(
    with_endpoints: WithEndpoints,
) -> None:
    config = await with_endpoints(1)
    await config.claim("first", type="endpoint")
    await config.claim("second", type="endpoint")
    await config.expire("first")
    [third] = (await config.claim("third", type="endpoint")).claims
    assert third.configuration.container == "third"
    assert len((await config.claim("second", type="endpoint")).claims) == 1


async def test_copies_are_on_different_nodes_as_soon_as_there_are_several(
    with_endpoints: WithEndpoints,
) -> None:
    config = await with_endpoints(2)
    await config.claim("a1", type="endpoint", node="a")
    await config.claim("b1", type="endpoint", node="b", slots=1)
    assert (await config.claim("a2", type="endpoint", node="a")).claims == ()
    assert len((await config.claim("c1", type="endpoint", node="c")).claims) == 1


async def test_copies_share_a_node_where_there_is_but_one(with_endpoints: WithEndpoints) -> None:
    config = await with_endpoints(2)
    await config.claim("a1", type="endpoint", node="a")
    assert len((await config.claim("a2", type="endpoint", node="a")).claims) == 2


async def test_a_copy_too_many_is_not_renewed(with_endpoints: WithEndpoints) -> None:
    config = await with_endpoints(1)
    await config.claim("first", type="endpoint")
    await config.claim("second", type="endpoint")
    pool = {"role": "endpoint", "copies": 1}
    status, _ = await config.ask("PUT", "/v1/pools/endpoint-default", json=pool)
    assert status == 200
    assert (await config.claim("second", type="endpoint")).claims == ()
    assert len((await config.claim("first", type="endpoint")).claims) == 1


async def test_scrapers_have_no_copies(config: Any) -> None:
    status, problem = await config.ask(
        "PUT", "/v1/pools/scraper-default", json={"role": "scraper", "copies": 2, "constraints": ["rm -rf"]}
    )
    assert status == 422
    assert [each["field"] for each in problem["errors"]] == ["constraints[0]"]
    status, problem = await config.ask(
        "PUT", "/v1/pools/scraper-default", json={"role": "scraper", "copies": 2}
    )
    assert (status, problem["errors"][0]["field"]) == (422, "copies")
