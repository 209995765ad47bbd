"""A claim is a replica's time-limited right to serve one configuration."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from scrapr.model.collection import Name
from scrapr.model.configuration import Configuration, Type
from scrapr.model.times import Time


class Claim(BaseModel):
    """The right itself. `epoch` grows with each holder, so that a late one is known (a fencing token)."""

    model_config = ConfigDict(frozen=True)

    configuration: Configuration
    epoch: int
    expires_at: Time


class ClaimRequest(BaseModel):
    """A replica's wish for up to `slots` configurations in all.

    What this container already holds is claimed again with a new epoch: a replica that was started anew under
    the same name goes on at once, and its predecessor's late batches are refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    container: Name
    type: Type
    pool: Name = "default"
    slots: int = Field(ge=1, le=100_000)
    node: Name | None = None
    """The machine that the replica runs on: where there are several, each copy is to be on another."""
    fresh: bool = False
    """True at a replica's start: renews the epochs of claims that its predecessor held."""


class Claims(BaseModel):
    """All that a container holds now."""

    model_config = ConfigDict(frozen=True)

    container: str
    lease: float
    """Seconds for which a renewal holds."""
    claims: tuple[Claim, ...]
