"""How patient a role is with another."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ClientSettings(BaseModel):
    """Calls between roles."""

    model_config = ConfigDict(frozen=True)

    timeout: float = Field(5.0, gt=0, description="seconds after which a call counts as failed")
    tries: int = Field(3, ge=1, description="how often a call is tried in all")


class ClaimSettings(BaseModel):
    """Which claims a replica of a pool asks for."""

    model_config = ConfigDict(frozen=True)

    container: str = Field("", description="name under which this replica claims; empty: host and role")
    place: str = Field("default", description="the `pool` of the configurations that this replica serves")
    slots: int = Field(200, ge=1, description="configurations that this replica may claim")
