"""A pool is the replicas of one role that may claim the same configurations."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StrictInt, model_validator

from scrapr.model.collection import Name
from scrapr.model.validation import wrong

PoolRole: TypeAlias = Literal["scraper", "endpoint"]


class PoolDraft(BaseModel):
    """What an operator says of a pool.

    `slots` is how many configurations one replica may claim; `replicas_min` are kept even without work.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: PoolRole
    place: Name = "default"
    """Configurations whose `pool` is this name are served here."""
    slots: Annotated[StrictInt, Field(ge=1, le=100_000)] = 200
    replicas_min: Annotated[StrictInt, Field(ge=0, le=10_000)] = 1
    replicas_max: Annotated[StrictInt, Field(ge=1, le=10_000)] = 100

    @model_validator(mode="after")
    def _check_bounds(self) -> PoolDraft:
        if self.replicas_min > self.replicas_max:
            allowed = f"0 to {self.replicas_max}"
            raise wrong("is more than replicas_max", allowed=allowed, field="replicas_min")
        return self


class Pool(PoolDraft):
    """A pool with its name, `<role>-<place>`, and the work there is for it."""

    name: str
    configurations: int = 0
    """How many configurations its replicas are to serve."""
    claimed: int = 0


def name_of(role: PoolRole, place: str) -> str:
    """The pool's name: what its service, its replicas and its route are called after."""
    return f"{role}-{place}"


class Pools(BaseModel):
    """All pools."""

    pools: tuple[Pool, ...]
