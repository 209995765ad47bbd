"""Machines that are made and unmade as the cluster needs them: the seam to whoever has them, and what they are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import orjson

from scrapr.fleet.allowance import machine_prefix


class Provider(Protocol):
    """Has machines. Every method raises `Unavailable` where it cannot do what it is asked for now."""

    async def machines(self) -> set[str]:
        """The names of those that were made and not removed, whether or not they run."""

    async def create(self, name: str, cloud_init: str) -> None:
        """Make a machine with that host name, which does at its first start what `cloud_init` says."""

    async def remove(self, name: str) -> None:
        """Unmake a machine; nothing happens where there is none of that name."""


@dataclass(frozen=True)
class Gate:
    """How a machine joins the cluster as a worker: a manager's address, as `10.0.0.1:2377`, and the token."""

    address: str
    token: str


def next_name(stack: str, taken: set[str]) -> str:
    """The name of the next machine: the first number that is free."""
    number = 1
    while (name := f"{machine_prefix(stack)}{number}") in taken:
        number += 1
    return name


def cloud_init(name: str, gate: Gate, *, packages: tuple[str, ...] = ("docker.io",)) -> str:
    """What a machine does at its first start, as cloud-init reads it: its name, Docker, and the way into the Swarm.

    JSON, which is YAML as well, so that whoever is no cloud-init can read it, too.
    """
    told: Mapping[str, object] = {
        "hostname": name,
        "packages": list(packages),
        "runcmd": [["docker", "swarm", "join", "--token", gate.token, gate.address]],
    }
    return "#cloud-config\n" + orjson.dumps(told, option=orjson.OPT_INDENT_2).decode() + "\n"
