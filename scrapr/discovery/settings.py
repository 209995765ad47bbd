"""How long an instance counts as present."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class DiscoverySettings(BaseModel):
    """Who is where."""

    model_config = ConfigDict(frozen=True)

    ttl: float = Field(
        10.0, ge=1, description="seconds after its last sign for which an instance counts as present"
    )
    cache: float = Field(1.0, ge=0, description="seconds for which an answer is used again")
    prefix: str = Field("scrapr", description="what the keys of this installation begin with")
