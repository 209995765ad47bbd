"""A pool is the replicas of one role that may claim the same configurations."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints, model_validator

from scrapr.model.collection import Name
from scrapr.model.validation import wrong

PoolRole: TypeAlias = Literal["scraper", "endpoint"]
COPIES_MAX = 5
Constraint: TypeAlias = Annotated[
    str,
    StringConstraints(
        max_length=300,
        pattern=r"^(node\.(id|hostname|role|platform\.(os|arch)|labels\.[\w.-]+)|engine\.labels\.[\w.-]+)"
        r" ?[=!]= ?[\w.:-]+$",
    ),
]
"""What Docker Swarm asks of a node, as `node.labels.region == eu`."""


class PoolDraft(BaseModel):
    """What an operator says of a pool.

    `slots` is how many configurations one replica may claim; `replicas_min` are kept even without work. `copies` is
    by how many replicas a configuration is served at the same time. The others count in a cluster alone: `cpu` (cores)
    and `memory` (MiB) of one replica, `constraints` on the nodes that it runs on, and its `image` where it is not that
    of all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: PoolRole
    place: Name = "default"
    """Configurations whose `pool` is this name are served here."""
    slots: Annotated[StrictInt, Field(ge=1, le=100_000)] = 200
    replicas_min: Annotated[StrictInt, Field(ge=0, le=10_000)] = 1
    replicas_max: Annotated[StrictInt, Field(ge=1, le=10_000)] = 100
    copies: Annotated[StrictInt, Field(ge=1, le=COPIES_MAX)] = 1
    cpu: Annotated[float, Field(ge=0.01, le=1024)] | None = None
    memory: Annotated[StrictInt, Field(ge=16, le=16_777_216)] | None = None
    constraints: Annotated[tuple[Constraint, ...], Field(max_length=20)] = ()
    image: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[a-z0-9][\w./:@-]*$")] | None = None

    @model_validator(mode="after")
    def _check_bounds(self) -> PoolDraft:
        if self.replicas_min > self.replicas_max:
            allowed = f"0 to {self.replicas_max}"
            raise wrong("is more than replicas_max", allowed=allowed, field="replicas_min")
        if self.role == "scraper" and self.copies > 1:
            raise wrong("would scrape everything more than once", allowed="1 for a scraper", field="copies")
        return self


class Pool(PoolDraft):
    """A pool with its name, `<role>-<place>`, and the work there is for it."""

    name: str
    configurations: int = 0
    """How many configurations its replicas are to serve."""
    claimed: int = 0
    """How many of them some replica serves."""
    claims: int = 0
    """How many claims are held on them: up to `copies` for each."""


def name_of(role: PoolRole, place: str) -> str:
    """The pool's name: what its service, its replicas and its route are called after."""
    return f"{role}-{place}"


class Pools(BaseModel):
    """All pools."""

    pools: tuple[Pool, ...]
