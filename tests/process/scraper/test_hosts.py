"""The limits of a host hold for all scrapers together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from pydantic import SecretStr

from scrapr.fetching.hosts import HostBusy, Turn
from scrapr.roles.scraper.hosts import SharedHosts, share
from scrapr.roles.scraper.settings import ScraperSettings
from scrapr.storage import redis as redis_storage
from scrapr.storage.redis import Redis
from scrapr.storage.settings import RedisSettings
from tests.endings import end

SETTINGS = ScraperSettings(slot_lease=1)


@asynccontextmanager
async def scrapers(redis: Redis, number: int) -> AsyncIterator[list[SharedHosts]]:
    """The hosts as that many scrapers see them."""
    all_hosts = [share(redis, SETTINGS, f"scraper-{each}") for each in range(number)]
    async with asyncio.TaskGroup() as group:
        loops = [group.create_task(hosts.keep()) for hosts in all_hosts]
        yield all_hosts
        await end(*loops)


async def enter(
    hosts: SharedHosts, *, slots: int = 2, interval: float = 0.0, patience: float = 8.0, host: str = "site"
) -> Turn:
    return await hosts.enter(host, slots=slots, interval=interval, patience=patience)


async def test_no_more_than_the_slots_are_busy_in_all_scrapers(redis: Redis) -> None:
    busy, most, made = 0, 0, [0, 0, 0]
    until = time.monotonic() + 2

    async def work(number: int, hosts: SharedHosts) -> None:
        nonlocal busy, most
        while time.monotonic() < until:
            turn = await enter(hosts, slots=4)
            busy += 1
            most = max(most, busy)
            await asyncio.sleep(0.005)
            busy -= 1
            made[number] += 1
            await hosts.leave("site", turn)

    async with scrapers(redis, 3) as all_hosts, asyncio.TaskGroup() as group:
        for number, hosts in enumerate(all_hosts):
            for _ in range(4):
                group.create_task(work(number, hosts))
    assert most == 4
    assert min(made) > sum(made) / 20


async def test_starts_keep_their_distance_in_all_scrapers(redis: Redis) -> None:
    starts: list[float] = []
    waited: list[float] = []

    async def work(hosts: SharedHosts) -> None:
        for _ in range(4):
            turn = await enter(hosts, interval=0.05)
            starts.append(time.monotonic())
            waited.append(turn.waited.get("pace", 0.0))
            await hosts.leave("site", turn)

    async with scrapers(redis, 2) as all_hosts, asyncio.TaskGroup() as group:
        for hosts in all_hosts:
            group.create_task(work(hosts))
    starts.sort()
    assert starts[-1] - starts[0] > 0.05 * 7 * 0.9
    assert sum(waited) > 0.2


async def test_the_slots_of_a_killed_scraper_come_back(redis: Redis) -> None:
    killed = share(redis, SETTINGS, "killed")
    for _ in range(2):
        await enter(killed)
    async with scrapers(redis, 1) as (other,):
        with pytest.raises(HostBusy):
            await enter(other, patience=0.1)
        turn = await enter(other)
        assert 0.3 < turn.waited["concurrency"] < 2
        await other.leave("site", turn)


async def test_the_slots_of_a_stopped_scraper_are_free_at_once(redis: Redis) -> None:
    stopped = share(redis, SETTINGS, "stopped")
    for _ in range(2):
        await stopped.leave("site", await enter(stopped))
    await stopped.release()
    other = share(redis, SETTINGS, "other")
    turns = [await enter(other, patience=0.1) for _ in range(2)]
    assert not any(turn.waited for turn in turns)


async def test_slots_that_are_not_used_are_given_back(redis: Redis) -> None:
    async with scrapers(redis, 2) as (one, other):
        for turn in [await enter(one) for _ in range(2)]:
            await one.leave("site", turn)
        turns = [await enter(other) for _ in range(2)]
        assert len(turns) == 2


async def test_what_a_host_asked_one_scraper_for_holds_all(redis: Redis) -> None:
    async with scrapers(redis, 2) as (one, other):
        await one.hold("site", 0.3)
        turn = await enter(other, interval=0.01)
        assert turn.waited["hold"] > 0.1
        await one.hold("site", 60)
        with pytest.raises(HostBusy) as refused:
            await enter(other, interval=0.01, patience=1)
        assert refused.value.seconds > 50


async def test_a_long_hold_outlives_the_renewal_of_slots(redis: Redis) -> None:
    async with scrapers(redis, 1) as (one,):
        turn = await enter(one)
        await one.hold("site", 60)
        await asyncio.sleep(0.2)
        await one.leave("site", turn)
    assert await redis.pttl("scrapr:scraper:hosts:{site}:hold") > 50_000


async def test_a_start_that_would_come_too_late_is_not_taken(redis: Redis) -> None:
    one = share(redis, SETTINGS, "one")
    await one.leave("site", await enter(one, interval=30))
    for _ in range(3):
        with pytest.raises(HostBusy):
            await enter(one, interval=30, patience=0.1)
    with pytest.raises(HostBusy) as refused:
        await enter(one, interval=30, patience=0.1)
    assert refused.value.seconds < 31


async def test_one_that_is_cancelled_while_it_waits_leaves_nothing_taken(redis: Redis) -> None:
    async with scrapers(redis, 2) as (one, other):
        turns = [await enter(one) for _ in range(2)]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await enter(other)
        for turn in turns:
            await one.leave("site", turn)
        await one.release()
        for _ in range(2):
            await enter(other)


@pytest.mark.usefixtures("dropped_sockets")
async def test_without_redis_each_scraper_goes_on_with_its_own_limits(free_port: Callable[[], int]) -> None:
    nobody = RedisSettings(url=SecretStr(f"redis://127.0.0.1:{free_port()}"))
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(redis_storage.connect(nobody))
        (hosts,) = await stack.enter_async_context(scrapers(redis, 1))
        turns = [await enter(hosts, interval=0.01) for _ in range(2)]
        with pytest.raises(HostBusy):
            await enter(hosts, patience=0.05)
        for turn in turns:
            await hosts.leave("site", turn)
        await hosts.hold("site", 0.01)
        await hosts.leave("site", await enter(hosts))
        await hosts.release()
