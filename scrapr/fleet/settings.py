"""How this process reaches the fleet."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class FleetSettings(BaseModel):
    """Where replicas are started, and what they are given."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["processes"] = Field(
        "processes", description="what runs the replicas: children of the local zygote"
    )
    socket: Path | None = Field(
        None, description="the zygote's unix socket; `scrapr up` sets it for its orchestrator"
    )
    port_base: int = Field(
        3000,
        ge=1,
        le=65531,
        description="the scraper's port; datasource, endpoint, config, orchestrator have the next",
    )
    logs: Path | None = Field(
        None,
        description="folder of the replicas' logs, one `<name>.log` each; unset: the starter's own output",
    )
    grace: float = Field(
        8.0, gt=0, description="seconds between SIGTERM and SIGKILL; more than a role's drain takes"
    )
