"""An orchestrator with a real zygote: what runs becomes what config asks for."""

from __future__ import annotations

import os
import signal
from typing import Any

import structlog

SCRAPERS = tuple(f"scraper-default-{ordinal}" for ordinal in range(5))


async def test_replicas_follow_the_configurations_up_and_down(world: Any, until: Any) -> None:
    await world.orchestrate()
    await world.config.put(2)
    await world.config.put(1, role="endpoint")
    await until(world.runs(*SCRAPERS[:2], "endpoint-default-0"))
    await world.config.put(5)
    await until(world.runs(*SCRAPERS, "endpoint-default-0"))
    kept = (await world.running())["scraper-default-0"].pid
    await world.config.put(1)
    await until(world.runs(*SCRAPERS[:1], "endpoint-default-0"))
    assert (await world.running())["scraper-default-0"].pid == kept
    await world.config.remove("endpoint-default")
    await until(world.runs(*SCRAPERS[:1]))


async def test_a_killed_replica_is_replaced_under_its_name(world: Any, until: Any) -> None:
    orchestrator = await world.orchestrate()
    await world.config.put(2)
    await until(world.runs(*SCRAPERS[:2]))
    before = await world.running()
    os.kill(before[SCRAPERS[0]].pid, signal.SIGKILL)

    async def replaced() -> bool:
        found = (await world.running()).get(SCRAPERS[0])
        return found is not None and found.pid != before[SCRAPERS[0]].pid

    await until(replaced)
    assert (await world.running())[SCRAPERS[1]] == before[SCRAPERS[1]]

    async def told() -> Any:
        [pool] = (await orchestrator.get("/v1/pools"))["pools"]
        return pool if pool["running"] == 2 and pool["replicas"][0]["restarts"] else None

    pool = await until(told)
    assert [replica["restarts"] for replica in pool["replicas"]] == [1, 0]


async def test_a_replica_that_keeps_dying_is_started_less_and_less_and_says_why(
    world: Any, until: Any
) -> None:
    orchestrator = await world.orchestrate(backoff_first=0.01, backoff_most=30.0)
    await world.config.put(1, place="nowhere")
    await world.config.put(1)

    async def told() -> Any:
        pools = {pool["place"]: pool for pool in (await orchestrator.get("/pools"))["pools"]}
        return pools if pools and "5 times in a row" in (pools["nowhere"]["reason"] or "") else None

    pools = await until(told)
    assert pools["nowhere"]["reason"].startswith("scraper-nowhere-0: it exited with code 2")
    assert pools["nowhere"]["running"] == 0
    assert pools["default"]["running"] == 1


async def test_a_start_that_the_fleet_refuses_is_told_and_tried_again(world: Any, until: Any) -> None:
    world.logs.rmdir()
    orchestrator = await world.orchestrate(backoff_most=0.2)
    await world.config.put(1)

    async def refused() -> bool:
        pools = (await orchestrator.get("/pools"))["pools"]
        return bool(pools) and "cannot be opened" in (pools[0]["reason"] or "")

    await until(refused)
    world.logs.mkdir()
    await until(world.runs(SCRAPERS[0]))
    assert (world.logs / f"{SCRAPERS[0]}.log").exists()


async def test_a_pool_with_other_slots_gets_its_replicas_restarted_one_by_one(world: Any, until: Any) -> None:
    await world.orchestrate()
    await world.config.put(3)
    await until(world.runs(*SCRAPERS[:3]))
    fewest = 3

    async def renewed() -> bool:
        nonlocal fewest
        running = await world.running()
        fewest = min(fewest, len(running))
        return len(running) == 3 and all(each.labels["slots"] == "2" for each in running.values())

    await world.config.put(6, slots=2)
    await until(renewed)
    assert fewest >= 2


async def test_a_deleted_and_added_configuration_costs_no_replica_within_the_cooldown(
    world: Any, until: Any
) -> None:
    orchestrator = await world.orchestrate(cooldown=30.0)
    await world.config.put(2)
    await until(world.runs(*SCRAPERS[:2]))
    before = await world.running()

    async def surplus() -> bool:
        [pool] = (await orchestrator.get("/pools"))["pools"]
        return [each["state"] for each in pool["replicas"]] == ["running", "surplus"] and pool["wanted"] == 1

    await world.config.put(1)
    await until(surplus)
    await world.config.put(2)

    async def wanted() -> bool:
        return bool((await orchestrator.get("/pools"))["pools"][0]["running"] == 2)

    await until(wanted)
    assert await world.running() == before


async def test_a_new_orchestrator_goes_on_from_what_runs(world: Any, until: Any) -> None:
    first = await world.orchestrate()
    await world.config.put(3)
    await until(world.runs(*SCRAPERS[:3]))
    before = await world.running()
    assert await first.stop() == 0
    assert await world.running() == before
    os.kill(before[SCRAPERS[1]].pid, signal.SIGKILL)
    await until(world.runs(SCRAPERS[0], SCRAPERS[2]))
    await world.orchestrate()
    await until(world.runs(*SCRAPERS[:3]))
    after = await world.running()
    assert after.pop(SCRAPERS[1]) != before.pop(SCRAPERS[1])
    assert after == before


async def test_an_orchestrator_that_is_killed_again_and_again_gets_there(world: Any, until: Any) -> None:
    await world.config.put(40)
    seen: dict[str, int] = {}
    for _ in range(3):
        before = len(seen)

        async def more(before: int = before) -> bool:
            return len(await world.running()) > before

        async with world.child():
            await until(more)
        running = {name: each.pid for name, each in (await world.running()).items()}
        assert seen.items() <= running.items()
        seen = running
    await world.orchestrate()

    async def all_run() -> bool:
        return len(await world.running()) == 40

    await until(all_run)
    assert seen.items() <= {name: each.pid for name, each in (await world.running()).items()}.items()


async def test_without_config_dead_replicas_are_replaced_and_it_is_said_once(world: Any, until: Any) -> None:
    with structlog.testing.capture_logs() as lines:
        orchestrator = await world.orchestrate(resync=1.0)
        await world.config.put(2)
        await until(world.runs(*SCRAPERS[:2]))
        await world.config.leave()

        async def away() -> bool:
            return bool((await orchestrator.get("/pools"))["config"] != "ok")

        await until(away)
        for _ in range(2):
            before = (await world.running())[SCRAPERS[0]].pid
            os.kill(before, signal.SIGKILL)

            async def replaced(before: int = before) -> bool:
                found = (await world.running()).get(SCRAPERS[0])
                return found is not None and found.pid != before

            await until(replaced)
        assert (await orchestrator.get("/ready"))["ready"] is True
        await world.config.come()
        await world.config.put(3)
        await until(world.runs(*SCRAPERS[:3]))
    told = [line["event"] for line in lines if line.get("peer") == "config"]
    assert told == ["contact lost, going on with what is known", "contact recovered"]


async def test_before_config_ever_answered_nothing_is_touched(world: Any, until: Any) -> None:
    first = await world.orchestrate()
    await world.config.put(2)
    await until(world.runs(*SCRAPERS[:2]))
    before = await world.running()
    await first.stop()
    await world.config.leave()
    second = await world.orchestrate()

    async def away() -> bool:
        return (await second.get("/pools"))["config"] not in {"ok", "not asked yet"}

    await until(away)
    assert await world.running() == before


async def test_one_line_tells_of_each_action(world: Any, until: Any) -> None:
    with structlog.testing.capture_logs() as lines:
        orchestrator = await world.orchestrate()
        await world.config.put(1)
        await until(world.runs(SCRAPERS[0]))
        await world.config.put(0)
        await until(world.runs())
        await orchestrator.stop()
    told = [(line["event"], line["replica"], line["reason"]) for line in lines if "replica" in line]
    assert told == [
        ("replica started", SCRAPERS[0], "it is missing"),
        ("replica stopped", SCRAPERS[0], "no pool wants it"),
    ]


async def test_a_fleet_that_is_away_makes_it_not_ready_and_is_told(world: Any, until: Any) -> None:
    orchestrator = await world.orchestrate()
    await world.config.put(1)
    await until(world.runs(SCRAPERS[0]))
    assert (await orchestrator.get("/ready"))["checks"] == {"fleet": "ok"}
    os.kill(world.zygote.pid, signal.SIGKILL)

    async def away() -> bool:
        return "zygote" in (await orchestrator.get("/pools"))["fleet"]

    await until(away)
    assert (await orchestrator.get("/ready"))["ready"] is False


async def test_the_machine_and_the_numbers_are_served(world: Any, until: Any) -> None:
    orchestrator = await world.orchestrate()
    await world.config.put(2)
    await until(world.runs(*SCRAPERS[:2]))
    [node] = (await orchestrator.get("/v1/nodes"))["nodes"]
    assert node["replicas"] == 2
    assert node["cpus"] >= 1
    assert node["memory"] > node["memory_available"] > 0

    async def measured() -> bool:
        async with orchestrator.session.get(f"{orchestrator.url}/metrics") as answer:
            text = await answer.text()
        wanted = 'scrapr_orchestrator_wanted_replicas{pool="scraper-default"} 2.0'
        return wanted in text and wanted.replace("wanted", "running") in text

    await until(measured)


async def test_many_replicas_do_not_delay_a_replacement(world: Any, until: Any) -> None:
    await world.orchestrate()
    await world.config.put(1, role="endpoint")
    await until(world.runs("endpoint-default-0"))
    before = (await world.running())["endpoint-default-0"].pid
    await world.config.put(40)
    os.kill(before, signal.SIGKILL)

    async def replaced() -> bool:
        found = (await world.running()).get("endpoint-default-0")
        return found is not None and found.pid != before

    await until(replaced)

    async def all_run() -> bool:
        return len(await world.running()) == 41

    await until(all_run)
    running = await world.running()
    started = sorted(each.started_at for name, each in running.items() if name != "endpoint-default-0")
    # Not after them all: with what was begun before its death, it comes before half of them.
    assert running["endpoint-default-0"].started_at < started[len(started) // 2]
