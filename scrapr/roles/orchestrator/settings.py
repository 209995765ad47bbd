"""How patient the orchestrator is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class OrchestratorSettings(BaseModel):
    """The orchestrator."""

    model_config = ConfigDict(frozen=True)

    resync: float = Field(
        30.0, ge=1, description="seconds after which pools and replicas are compared even without news"
    )
    cooldown: float = Field(
        30.0, ge=0, description="seconds for which a replica must have been one too many before it is stopped"
    )
    behind: float = Field(
        60.0,
        ge=0,
        description="seconds that claims must have stayed without a replica before a pool gets one more, each time",
    )
    settle: float = Field(
        2.0,
        ge=0,
        description="seconds that a restarted replica must have run before the next of its pool is restarted",
    )
    stable: float = Field(
        10.0, ge=0, description="seconds after which a replica that dies counts as one that had worked"
    )
    backoff_first: float = Field(
        0.1,
        gt=0,
        description="seconds before a replica that died twice in a row is started; doubled with each death",
    )
    backoff_most: float = Field(
        30.0, gt=0, description="seconds at most before a replica that keeps dying is started"
    )
