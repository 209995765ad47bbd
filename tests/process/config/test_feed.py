from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import socketio

from scrapr.client.feed import Feed
from scrapr.client.holder import Holder
from scrapr.client.transport import at
from scrapr.model.claim import ClaimRequest, Claims
from scrapr.model.errors import Invalid
from tests.endings import end


@asynccontextmanager
async def listening(config: Any, *wishes: dict[str, Any]) -> AsyncIterator[list[Any]]:
    """What one listener hears after it joined; the stream is known to run when this yields."""
    heard: list[Any] = []
    joined = asyncio.Event()

    async def join() -> None:
        for wish in wishes:
            await feed.join(wish)
        joined.set()

    async def hear(event: str, payload: Any) -> None:
        heard.append((event, payload))

    feed = Feed(at(config.url), token=config.token, connected=join, told=hear)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(feed.run())
        await joined.wait()
        yield heard
        await end(running)


async def hear_until(heard: list[Any], until: Any, op: str, identity: str) -> list[str]:
    """The ops heard up to that one; those of the stream's start are left out."""

    async def came() -> bool:
        return any((hint.get("op"), hint.get("id")) == (op, identity) for _, hint in list(heard))

    await until(came)
    return [hint["op"] for _, hint in heard if hint["op"] != "missed"]


async def test_what_is_posted_is_told_to_its_pool_and_to_who_hears_all(
    config: Any, make_draft: Any, until: Any
) -> None:
    scraper, other = {"type": "scraper", "pool": "default"}, {"type": "scraper", "pool": "eu"}
    async with (
        listening(config, scraper) as near,
        listening(config, {}) as everywhere,
        listening(config, other) as far,
    ):
        added = await config.client.add(make_draft(1))
        assert await hear_until(near, until, "create", added.id) == ["create"]
        await hear_until(everywhere, until, "create", added.id)
        hint = next(hint for event, hint in near if hint["op"] == "create")
        assert hint == {"id": added.id, "op": "create", "type": "scraper", "pool": "default"}
        assert {hint["type"] for _, hint in everywhere if hint["op"] == "create"} == {"scraper", "endpoint"}
        await config.client.remove(added.id)
        assert await hear_until(far, until, "remove", added.id) == ["remove"]


async def test_taking_and_renewing_wake_nobody_but_changing_and_giving_back_do(
    config: Any, make_draft: Any, until: Any
) -> None:
    async with listening(config, {"type": "scraper", "pool": "default"}) as heard:
        added = await config.client.add(make_draft(1))
        await config.claim("a")
        await config.claim("a", fresh=True)
        await config.client.replace(added.id, make_draft(1, ttl=9))
        await config.client.release("a")
        await config.claim("b")
        await config.client.remove(added.id)
        told = await hear_until(heard, until, "remove", added.id)
        # A hint of a change says where the configuration is now; if it is gone already, it goes to everybody.
        assert told == ["create", "update", "release", "remove"]


async def test_a_swept_claim_is_told(start: Any, make_draft: Any, until: Any) -> None:
    config = await start(sweep=0.05)
    async with listening(config, {"type": "scraper", "pool": "default"}) as heard:
        added = await config.client.add(make_draft(1))
        await config.claim("dead")
        await config.expire("dead")
        assert "release" in await hear_until(heard, until, "release", added.id)


async def test_both_pools_hear_of_a_configuration_that_moves(
    config: Any, make_draft: Any, until: Any
) -> None:
    await config.ask("PUT", "/v1/pools/scraper-eu", json={"role": "scraper", "place": "eu"})
    added = await config.client.add(make_draft(1))
    async with (
        listening(config, {"type": "scraper", "pool": "default"}) as before,
        listening(config, {"type": "scraper", "pool": "eu"}) as after,
    ):
        await config.client.replace(added.id, make_draft(1, pool="eu"))
        await hear_until(before, until, "update", added.id)
        await hear_until(after, until, "update", added.id)


async def test_a_change_of_a_pool_wakes_who_hears_all(config: Any, until: Any) -> None:
    async with listening(config, {}) as heard:
        await config.ask("PUT", "/v1/pools/scraper-eu", json={"role": "scraper", "place": "eu"})

        async def told() -> bool:
            return ("pools", {"name": "scraper-eu", "op": "create"}) in heard

        assert await until(told)


async def test_every_replica_tells_its_own_listeners(start: Any, make_draft: Any, until: Any) -> None:
    one, other = await start(sweep=3600), await start(sweep=3600)
    async with listening(other, {"type": "scraper"}) as heard:
        added = await one.client.add(make_draft(1))
        await hear_until(heard, until, "create", added.id)


async def test_a_wish_that_cannot_be_read_is_refused_by_its_fields(config: Any) -> None:
    refused: list[Invalid] = []
    done = asyncio.Event()

    async def join() -> None:
        with pytest.raises(Invalid) as caught:
            await feed.join({"type": "datasource"})
        refused.append(caught.value)
        done.set()

    async def hear(_event: str, _payload: Any) -> None:
        return None

    feed = Feed(at(config.url), token=config.token, connected=join, told=hear)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(feed.run())
        await done.wait()
        await end(running)
    assert refused[0].fields[0].field == "type"


async def test_without_the_token_nobody_joins(config: Any) -> None:
    client = socketio.AsyncClient(reconnection=False, handle_sigint=False)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(config.url, transports=["websocket"], wait_timeout=2)


class Kept:
    """A claim store in memory."""

    async def load_claims(self, _container: str) -> Claims | None:
        return None

    async def save_claims(self, _claims: Claims) -> None:
        return None


async def test_a_holder_has_what_is_posted_and_loses_what_is_removed(
    start: Any, make_draft: Any, until: Any
) -> None:
    config = await start(lease=3600)
    request = ClaimRequest(container="replica", type="scraper", slots=200)
    holder = Holder(config.client, Kept(), request, token=config.token)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(holder.listen()), group.create_task(holder.hold())]
        added = await config.client.add(make_draft(1))

        async def holds() -> bool:
            return added.id in holder.claims

        async def holds_nothing() -> bool:
            return not holder.claims

        await until(holds)
        await config.client.remove(added.id)
        # Long before a third of the lease: it is the hint that tells, not the renewal.
        await until(holds_nothing)
        await end(*tasks)
