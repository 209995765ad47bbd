"""A lease is held by one of several, and passes to another when it ends or is given back."""

from __future__ import annotations

import asyncio
from typing import Any

from scrapr.model.lease import LeaseRequest


async def ask(config: Any, container: str) -> tuple[str, int]:
    """Who holds the lease after `container` asked for it, and its epoch."""
    lease = await config.client.lease("orchestrator", LeaseRequest(container=container))
    return lease.container, lease.epoch


async def test_of_many_who_ask_at_once_one_gets_it(start: Any) -> None:
    config = await start(leader_lease=60)
    answers = await asyncio.gather(*(ask(config, f"of-{number}") for number in range(8)))
    assert len(set(answers)) == 1
    assert answers[0][1] == 1


async def test_it_is_renewed_with_its_epoch_and_passes_with_the_next(start: Any) -> None:
    config = await start(leader_lease=60)
    assert await ask(config, "first") == ("first", 1)
    assert await ask(config, "second") == ("first", 1)
    assert await ask(config, "first") == ("first", 1)
    await config.client.give_back_lease("orchestrator", "second")
    assert await ask(config, "second") == ("first", 1)
    await config.client.give_back_lease("orchestrator", "first")
    assert await ask(config, "second") == ("second", 2)


async def test_it_passes_when_its_time_is_over(start: Any) -> None:
    config = await start(leader_lease=60)
    await ask(config, "first")
    past = [{"$set": {"expires_at": {"$subtract": ["$$NOW", 1]}}}]
    await config.database["leases"].update_one({"_id": "orchestrator"}, past)
    assert await ask(config, "second") == ("second", 2)
    assert await ask(config, "first") == ("second", 2)
