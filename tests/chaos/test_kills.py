"""Every role is killed again and again, at random moments, while data flows in."""

from __future__ import annotations

import random
import threading
from collections import Counter

from tests.chaos.conftest import Extent
from tests.chaos.flow import flowing
from tests.chaos.town import Town
from tests.system.machine import ROLES, wait_for

KILLS_LEAST, ITEMS_LEAST = 20, 100_000
"""Of the short form, too."""
PAUSE = 0.5
"""Seconds between two kills at most."""


def kill_at_random(town: Town, kills: int, dice: random.Random) -> Counter[str]:
    """Kill one role after the other, whatever it does just then, its start included; how often each was."""
    killed: Counter[str] = Counter()
    for _ in range(kills):
        for role in dice.sample(ROLES, len(ROLES)):
            threading.Event().wait(dice.uniform(0, PAUSE))
            town.pick(role, dice).kill()
            killed[role] += 1
    return killed


def test_nothing_is_lost_and_nothing_twice_whoever_is_killed(
    town: Town, extent: Extent, dice: random.Random, tell: list[str]
) -> None:
    kills, items = max(extent.kills, KILLS_LEAST), max(extent.items, ITEMS_LEAST)
    with flowing(town, "killed", seed=dice.random(), items=items) as flow:
        killed = kill_at_random(town, kills, dice)
        wait_for(lambda: all(each.is_done for each in flow.producers), 24 * 3600)
        flow.settle(within=extent.patience)
        unknown = sum(each.unknown for each in flow.producers)
        duplicates = sum(each.duplicates for each in flow.producers)
    counts = ", ".join(f"{role} {killed[role]}" for role in ROLES)
    tell.append(f"killed: {counts} (of {kills} each), while {flow.items} items were posted")
    tell.append(f"posted again without an answer: {unknown}; told apart as duplicates: {duplicates}")
