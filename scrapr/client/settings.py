"""How patient a role is with another."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class ClientSettings(BaseModel):
    """Calls between roles, and of commands to them."""

    model_config = ConfigDict(frozen=True)

    entry: Annotated[str, Field(pattern=r"^https?://[^/]+$")] | None = Field(
        None,
        description="URL of a cluster's entry, which commands speak to; none: to the roles of this machine",
    )
    timeout: float = Field(5.0, gt=0, description="seconds after which a call counts as failed")
    tries: int = Field(3, ge=1, description="how often a call is tried in all")
    at_once: int = Field(
        64, ge=1, le=10_000, description="calls to one peer at the same time; more wait, for this peer alone"
    )
    breaker_failures: int = Field(
        5, ge=1, le=1000, description="calls in a row without an answer after which a peer is left alone"
    )
    breaker_rest: float = Field(
        1.0, gt=0, le=300, description="seconds that a peer is left alone before one call finds out"
    )


class ClaimSettings(BaseModel):
    """Which claims a replica of a pool asks for."""

    model_config = ConfigDict(frozen=True)

    container: str = Field("", description="name under which this replica claims; empty: host and role")
    node: str | None = Field(
        None, description="machine that this replica runs on; copies of a configuration are kept on several"
    )
    place: str = Field("default", description="the `pool` of the configurations that this replica serves")
    slots: int = Field(200, ge=1, description="configurations that this replica may claim")
