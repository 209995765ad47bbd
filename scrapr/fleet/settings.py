"""How this process reaches the fleet."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class FleetSettings(BaseModel):
    """Where replicas are started, and what they are given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["processes"] = "processes"
    """What runs the replicas: `processes`, children of the local zygote."""
    socket: Path | None = None
    """The zygote's unix socket; `scrapr up` sets it for its orchestrator."""
    port_base: int = Field(default=3000, ge=1, le=65531)
    """The scraper's port; datasource, endpoint, config and orchestrator have the next four."""
    logs: Path | None = None
    """Folder of the replicas' logs, one `<name>.log` each; unset: the starter's own output."""
    grace: float = Field(default=2.0, gt=0)
    """Seconds that a replica has between SIGTERM and SIGKILL."""
