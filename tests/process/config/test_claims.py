from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import orjson

from scrapr.model.claim import Claims
from scrapr.model.role import ROLE_HEADER


async def add(config: Any, make_draft: Any, count: int) -> list[str]:
    return [(await config.client.add(make_draft(number))).id for number in range(count)]


def held_by(claims: Claims) -> list[str]:
    return [each.configuration.id for each in claims.claims]


async def test_a_replica_takes_the_oldest_free_ones_up_to_its_slots(config: Any, make_draft: Any) -> None:
    added = await add(config, make_draft, 5)
    assert held_by(await config.claim("a", slots=2)) == added[:2]
    assert held_by(await config.claim("b", slots=2)) == added[2:4]
    assert held_by(await config.claim("a", slots=4)) == [*added[:2], added[4]]


async def test_a_changed_pool_caps_what_its_replicas_hold_at_their_next_claim(
    config: Any, make_draft: Any
) -> None:
    added = await add(config, make_draft, 5)
    assert held_by(await config.claim("a")) == added
    status, _ = await config.ask("PUT", "/v1/pools/scraper-default", json={"role": "scraper", "slots": 2})
    assert status == 200
    assert held_by(await config.claim("a")) == added[:2]
    assert held_by(await config.claim("b", slots=1)) == added[2:3]


async def test_a_claim_tells_its_configuration_epoch_and_lease(start: Any, make_draft: Any) -> None:
    config = await start(lease=77, sweep=3600)
    (identity,) = await add(config, make_draft, 1)
    claims = await config.claim("a")
    (claim,) = claims.claims
    assert (claims.container, claims.lease, claim.epoch) == ("a", 77, 1)
    assert (claim.configuration.id, claim.configuration.container) == (identity, "a")


async def test_types_and_pools_are_claimed_apart(config: Any, make_draft: Any) -> None:
    await config.ask("PUT", "/v1/pools/scraper-eu", json={"role": "scraper", "place": "eu"})
    await config.client.add(make_draft(1, pool="eu"))
    assert (await config.claim("a")).claims == ()
    assert [each.configuration.type for each in (await config.claim("b", type="endpoint")).claims] == [
        "endpoint"
    ]
    assert [each.configuration.pool for each in (await config.claim("c", pool="eu")).claims] == ["eu"]


async def test_many_claimers_at_once_hold_every_configuration_exactly_once(
    start: Any, make_draft: Any
) -> None:
    replicas = [await start(sweep=3600), await start(sweep=3600)]
    added = await asyncio.gather(*(replicas[0].client.add(make_draft(number)) for number in range(100)))
    answers = await asyncio.gather(
        *(replicas[number % 2].claim(f"claimer-{number}", slots=5) for number in range(20))
    )
    held = Counter(identity for claims in answers for identity in held_by(claims))
    assert held == dict.fromkeys((each.id for each in added), 1)
    assert {each.epoch for claims in answers for each in claims.claims} == {1}
    stored = {each.id: each.container async for each in replicas[0].client.configurations(of_type="scraper")}
    assert stored == {identity: claims.container for claims in answers for identity in held_by(claims)}


async def test_greedy_claimers_at_once_share_what_there_is(config: Any, make_draft: Any) -> None:
    added = await asyncio.gather(*(config.client.add(make_draft(number)) for number in range(100)))
    answers = await asyncio.gather(*(config.claim(f"claimer-{number}") for number in range(20)))
    held = [identity for claims in answers for identity in held_by(claims)]
    assert sorted(held) == sorted(each.id for each in added)


async def test_one_container_asking_twice_at_once_keeps_no_more_than_its_slots(
    config: Any, make_draft: Any
) -> None:
    await add(config, make_draft, 20)
    await asyncio.gather(*(config.claim("a", slots=5) for _ in range(4)))
    last = await config.claim("a", slots=5)
    assert len(last.claims) == 5
    assert len((await config.client.transport.call("PUT", "/v1/claims/a"))["claims"]) == 5


async def test_a_renewal_keeps_the_epoch_and_moves_the_end_of_the_lease(config: Any, make_draft: Any) -> None:
    await add(config, make_draft, 1)
    before = (await config.claim("a")).claims[0]
    await config.expire("a")
    after = (await config.claim("a")).claims[0]
    assert after.epoch == before.epoch
    assert after.expires_at >= before.expires_at


async def test_a_claim_with_most_of_its_lease_left_is_not_written_again(config: Any, make_draft: Any) -> None:
    await add(config, make_draft, 1)
    before = await config.claim("a")
    assert (await config.claim("a")).claims == before.claims


async def test_a_replica_that_starts_anew_gets_new_epochs_for_what_its_predecessor_held(
    config: Any, make_draft: Any
) -> None:
    added = await add(config, make_draft, 2)
    await config.claim("a", slots=1)
    again = await config.claim("a", slots=2, fresh=True)
    assert [(each.configuration.id, each.epoch) for each in again.claims] == [(added[0], 2), (added[1], 1)]


async def test_an_expired_claim_passes_to_another_with_a_larger_epoch(config: Any, make_draft: Any) -> None:
    added = await add(config, make_draft, 1)
    assert (await config.claim("late")).claims[0].epoch == 1
    assert (await config.claim("next")).claims == ()
    await config.expire("late")
    taken = await config.claim("next")
    assert (held_by(taken), taken.claims[0].epoch) == (added, 2)
    assert (await config.claim("late")).claims == ()


async def test_a_lease_ends_by_the_servers_clock(start: Any, make_draft: Any, until: Any) -> None:
    config = await start(lease=0.2, sweep=3600)
    await add(config, make_draft, 1)
    await config.claim("late")

    async def taken() -> Any:
        return (await config.claim("next")).claims

    assert (await until(taken))[0].epoch == 2


async def test_renewing_takes_nothing_and_tells_all_that_is_held(config: Any, make_draft: Any) -> None:
    added = await add(config, make_draft, 2)
    await config.claim("a", slots=1)
    await config.claim("a", slots=1, type="endpoint")
    _, renewed = await config.ask("PUT", "/v1/claims/a")
    assert {each["configuration"]["type"] for each in renewed["claims"]} == {"scraper", "endpoint"}
    assert len(renewed["claims"]) == 2
    assert (await config.ask("PUT", "/v1/claims/nobody"))[1]["claims"] == []
    assert (await config.client.configuration(added[1])).container is None


async def test_fewer_slots_give_back_the_newest(config: Any, make_draft: Any) -> None:
    added = await add(config, make_draft, 4)
    await config.claim("a")
    assert held_by(await config.claim("a", slots=1)) == added[:1]
    assert held_by(await config.claim("b")) == added[1:]


async def test_what_is_given_back_is_free_at_once_and_has_the_next_epoch(
    config: Any, make_draft: Any
) -> None:
    added = await add(config, make_draft, 3)
    await config.claim("a")
    await config.client.release("a")
    taken = await config.claim("b")
    assert (held_by(taken), {each.epoch for each in taken.claims}) == (added, {2})


async def test_what_a_dead_replica_held_is_swept_free(start: Any, make_draft: Any, until: Any) -> None:
    config = await start(sweep=0.05)
    (identity,) = await add(config, make_draft, 1)
    await config.claim("dead")
    await config.expire("dead")

    async def free() -> bool:
        stored = await config.database["configurations"].find_one({"_id": identity})
        return stored["container"] is None and stored["expires_at"] is None

    async def counted_as_free() -> bool:
        async with config.http.get(f"{config.url}/metrics") as answer:
            return 'scrapr_config_configurations{claimed="no",type="scraper"} 1.0' in await answer.text()

    assert await until(free)
    assert await until(counted_as_free)


async def test_a_claim_that_cannot_be_read_names_every_wrong_field(config: Any) -> None:
    status, problem = await config.ask("POST", "/v1/claims", json={"type": "x", "slots": 0, "container": "/"})
    assert status == 422
    assert {each["field"] for each in problem["errors"]} == {"type", "slots", "container"}


async def test_two_hundred_claims_take_few_round_trips(config: Any, make_draft: Any) -> None:
    await asyncio.gather(*(config.client.add(make_draft(number)) for number in range(200)))

    async def commands() -> int:
        status = await config.database.client.admin.command("serverStatus")
        counters = status["opcounters"]
        return int(counters["query"] + counters["update"])

    before = await commands()
    assert len((await config.claim("a")).claims) == 200
    # An update of many counts once; other tests' servers are silent, and this config neither sweeps nor is told.
    assert await commands() - before <= 10


async def test_a_newer_replica_may_say_more_than_is_known_here_and_nobody_else(
    config: Any, make_draft: Any
) -> None:
    added = await add(config, make_draft, 1)
    wish = {"container": "a", "type": "scraper", "slots": 1, "mood": "good"}
    status, problem = await config.ask("POST", "/v1/claims", json=wish)
    assert (status, problem["errors"][0]["field"]) == (422, "mood")
    status, claims = await config.ask("POST", "/v1/claims", json=wish, headers={ROLE_HEADER: "scraper"})
    assert (status, [each["configuration"]["id"] for each in claims["claims"]]) == (200, added)


async def test_what_a_newer_config_wrote_is_read_after_a_rollback(config: Any, make_draft: Any) -> None:
    added = await add(config, make_draft, 1)
    configurations = config.database["configurations"]
    found = await configurations.find_one({"_id": added[0]})
    newer = {**orjson.loads(found["draft"]), "mood": "good", "fetch": {"retries": 2, "colour": "red"}}
    text = orjson.dumps(newer).decode()
    await configurations.update_one({"_id": added[0]}, {"$set": {"draft": text, "mood": "good"}})
    (claim,) = (await config.claim("a")).claims
    assert (claim.configuration.id, claim.configuration.fetch.retries) == (added[0], 2)
