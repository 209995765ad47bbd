"""How `scrapr up` runs what it starts."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class EmbeddedSettings(BaseModel):
    """The data folder, and the bounds of the servers in it."""

    model_config = ConfigDict(frozen=True)

    data: Path = Field(Path("scrapr-data"), description="folder of everything that outlives `scrapr up`")
    mongo_cache_gb: float = Field(0.25, ge=0.25, description="mongod's WiredTiger cache, in GB")
    mongo_oplog_mb: int = Field(
        1024,
        ge=990,
        description="mongod's oplog, in MB: how far change streams reach back; fixed at the first start",
    )
    redis_memory_mb: int = Field(
        512, ge=16, description="Redis's memory, in MB; full, it refuses writes and forgets nothing"
    )
    start_within: float = Field(
        60.0, gt=0, description="seconds that each server has to start, its recovery after a kill included"
    )
    restart_most: float = Field(
        10.0, ge=0.1, description="seconds at most before a server or role that keeps dying is started again"
    )
    log_limit_mb: int = Field(
        32, ge=1, description="size of one log, in MB, above which it begins anew, with one old copy kept"
    )


@dataclass(frozen=True)
class StopDeadlines:
    """Seconds that each step of the stop may take, in their order; SIGKILL ends a step that takes longer."""

    orchestrator: float = 1.0
    """First, so that nothing is started again."""
    pools: float = 2.5
    """Scrapers and endpoints, together: batches at hand still find a datasource."""
    datasource: float = 1.5
    config: float = 0.75
    zygote: float = 0.5
    redis: float = 0.75
    mongod: float = 2.0

    @property
    def total(self) -> float:
        """Seconds for the whole stop, at most."""
        pools = self.orchestrator + self.pools + self.datasource + self.config
        return pools + self.zygote + self.redis + self.mongod
