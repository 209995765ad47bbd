"""An instance is one process of a role, as others find it."""

from __future__ import annotations

from typing import Protocol

from pydantic import BaseModel, ConfigDict

from scrapr.runtime.loops import Loop


class Instance(BaseModel):
    """Where a process is and what it serves (collections of an endpoint, configurations of a scraper)."""

    model_config = ConfigDict(frozen=True)

    role: str
    container: str
    url: str
    version: str
    serves: tuple[str, ...] = ()


class Registry(Protocol):
    """Where instances are written down. Each method raises `Unavailable`."""

    loops: tuple[Loop, ...]
    """What must run for it to stay fresh."""

    async def announce(self, instance: Instance) -> None:
        """Say that `instance` is present, for a while."""

    async def withdraw(self, instance: Instance) -> None:
        """Say that `instance` is gone."""

    async def find(self, role: str) -> tuple[Instance, ...]:
        """The instances of `role` that are present."""
