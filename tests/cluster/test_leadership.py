"""Of two orchestrators one acts; when it is killed the other goes on, and no replica is touched."""

from __future__ import annotations

import pytest

from tests.cluster.world import World, wait_for

pytestmark = pytest.mark.timeout(600)


def test_another_leads_when_the_leader_is_killed(world: World) -> None:
    world.put_pool("scraper-led", slots=1)
    first = world.post("led-1", pool="led")
    world.orchestrate("first")
    wait_for(lambda: world.claims()[first])
    world.orchestrate("second")
    [before] = world.tasks("scraper-led")
    wait_for(lambda: world.get("second", "/pools")["leader"] == "first")
    world.orchestrators["first"].kill()
    second = world.post("led-2", pool="led")
    wait_for(lambda: world.claims()[second])
    assert world.get("second", "/pools")["leader"] == "second"
    assert before in world.tasks("scraper-led")
    assert '"epoch":2' in world.log("second")
