"""How the Swarm is, seen from an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from scrapr.model.finding import Finding, bad, judge_members, judge_version

LEAST = (20, 10)
PATIENCE = aiohttp.ClientTimeout(total=10)


async def examine_engine(socket: Path) -> list[Finding]:
    """The engine behind a unix socket, and the nodes of its Swarm."""
    part = "engine"
    try:
        connector = aiohttp.UnixConnector(str(socket))
        async with aiohttp.ClientSession(
            connector=connector, timeout=PATIENCE, raise_for_status=True
        ) as session:
            async with session.get("http://engine/info") as answer:
                told = await answer.json()
            swarm = told["Swarm"]
            if swarm["LocalNodeState"] != "active":
                return [
                    bad(
                        part,
                        f"in no Swarm ({swarm['LocalNodeState']})",
                        "docker swarm init, or docker swarm join",
                    )
                ]
            if not swarm["ControlAvailable"]:
                return [bad(part, "a worker", "run this on a manager: only they know the Swarm")]
            async with session.get("http://engine/nodes") as answer:
                nodes = await answer.json()
    except (aiohttp.ClientError, OSError) as error:
        return [bad(part, f"{socket}: {error}", "is the engine running, and may this user use its socket?")]
    return [judge_version(part, told["ServerVersion"].split("+")[0], LEAST), judge_nodes(nodes)]


def judge_nodes(nodes: Sequence[Mapping[str, Any]]) -> Finding:
    """A Swarm's managers; what a worker lacks is told with them."""
    states = {
        node["Description"]["Hostname"]: "" if node["Status"]["State"] == "ready" else node["Status"]["State"]
        for node in nodes
    }
    leads = (node["Description"]["Hostname"] for node in nodes if node.get("ManagerStatus", {}).get("Leader"))
    return judge_members("Swarm", states, leader=next(leads, None))
