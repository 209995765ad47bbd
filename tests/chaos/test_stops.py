"""Processes are stopped for longer than what they hold is theirs, and wake up when it is another's."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import psutil
import pytest

from tests.chaos.conftest import Extent
from tests.chaos.flow import Flow, flowing
from tests.chaos.test_stores import ENDLESS, let_flow
from tests.chaos.town import ANSWERS_WITHIN, Town
from tests.system.machine import wait_for

PART = 3
"""One stop for so many kills: each takes as long as a lease."""


@contextmanager
def stopped(process: psutil.Process) -> Iterator[None]:
    """SIGSTOP, and SIGCONT at the end, unless it was killed."""
    process.suspend()
    try:
        yield
    finally:
        with suppress(psutil.NoSuchProcess):
            process.resume()


def url_of(process: psutil.Process) -> str:
    """Where a process listens."""
    ports = [each.laddr.port for each in process.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
    return f"http://127.0.0.1:{ports[0]}"


def find_holder(town: Town, role: str, configuration: str) -> psutil.Process | None:
    """The process of the role that says that it holds a configuration."""
    for process in town.processes(role):
        try:
            answer = httpx.get(url_of(process) + "/v1/configurations", timeout=5)
        except (httpx.TransportError, IndexError, psutil.NoSuchProcess):
            continue
        if answer.status_code == 200 and configuration in answer.text:
            return process
    return None


def stop_claimant(role: str, choose: Callable[[Flow], str], flow: Flow, dice: random.Random) -> None:
    """Stop who holds a configuration until it is another's."""
    town, configuration = flow.town, choose(flow)

    def claimed_by() -> Any:
        found = town.try_to_ask("config", f"/v1/configurations/{configuration}")
        return None if found is None else found["container"]

    holder = wait_for(lambda: find_holder(town, role, configuration), ANSWERS_WITHIN)
    before = claimed_by()
    with stopped(holder):
        wait_for(lambda: claimed_by() not in {before, None}, ANSWERS_WITHIN)
        # It may wake up before the next holder has sent anything, or later.
        if dice.random() < 0.5:
            let_flow(flow, dice)


def stop_scraper(flow: Flow, dice: random.Random) -> None:
    """Its runs were begun under an epoch that is over when it wakes up."""
    stop_claimant("scraper", lambda flow: dice.choice(list(flow.configurations)), flow, dice)


def stop_endpoint(flow: Flow, dice: random.Random) -> None:
    """It wakes up with collections that another serves."""
    # Nothing of ours ends a process that hangs, so that there must be another already.
    flow.town.change("config", "PUT", "/v1/pools/endpoint-default", {"role": "endpoint", "replicas_min": 2})
    wait_for(lambda: len(flow.town.processes("endpoint")) == 2, ANSWERS_WITHIN)
    stop_claimant("endpoint", lambda flow: flow.endpoint or "", flow, dice)


def stop_datasource(flow: Flow, dice: random.Random) -> None:
    """Its reductions were begun when the collections were its own."""
    town = flow.town
    collections = [*flow.shops, flow.posted]

    def versions() -> dict[str, int]:
        answer = httpx.get(other + "/v1/collections", timeout=10).json()["collections"]
        return {each["name"]: each["version"] for each in answer if each["name"] in collections}

    process = town.pick("datasource", dice)
    other = next(url for url in town.urls["datasource"] if url != url_of(process))
    with stopped(process):
        before = wait_for(lambda: len(found := versions()) == len(collections) and found, ANSWERS_WITHIN)
        wait_for(lambda: all(versions()[each] > before[each] for each in collections), ANSWERS_WITHIN)
        let_flow(flow, dice)


@pytest.mark.parametrize("stop", [stop_datasource, stop_scraper, stop_endpoint])
def test_whoever_sleeps_past_its_lease_writes_nothing_late(
    town: Town,
    extent: Extent,
    dice: random.Random,
    tell: list[str],
    stop: Callable[[Flow, random.Random], None],
) -> None:
    times = max(1, extent.kills // PART)
    with flowing(town, stop.__name__.replace("_", "-"), seed=dice.random(), items=ENDLESS) as flow:
        for _ in range(times):
            let_flow(flow, dice)
            stop(flow, dice)
        let_flow(flow, dice)
        flow.settle(within=extent.patience)
        tell.append(f"{stop.__name__}: {times} times, while {flow.items} items were posted")
