"""A backup: one file for each collection of a role's database, and a manifest that tells what must be in them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from scrapr.model.times import Time


class Part(BaseModel):
    """What a file holds. `expired` documents were past their time when they were restored, and went at once."""

    model_config = ConfigDict(frozen=True)

    documents: int
    bytes: int
    sha256: str
    expired: int = 0


class Parts(BaseModel):
    """What of a role's database was told or restored, by collection."""

    model_config = ConfigDict(frozen=True)

    parts: dict[str, Part]


class Manifest(BaseModel):
    """What a backup holds, by role and collection. It is written last: a folder without one is no backup."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    scrapr: str
    taken_at: Time
    roles: dict[str, dict[str, Part]]
