"""How long claims hold, and what a pool is like that nobody described."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from scrapr.model.pool import COPIES_MAX


class ConfigSettings(BaseModel):
    """Configuration discovery."""

    model_config = ConfigDict(frozen=True)

    lease: float = Field(
        10.0, ge=0.05, le=3600, description="seconds for which a claim holds unless it is renewed"
    )
    leader_lease: float = Field(
        3.0,
        ge=0.5,
        le=60,
        description="seconds for which one of several orchestrators leads unless it renews",
    )
    sweep: float = Field(
        2.0, ge=0.05, le=3600, description="seconds between two searches for claims whose lease has ended"
    )
    draft_limit: int = Field(
        256 * 1024, ge=1024, description="bytes of a configuration's JSON at most, as posted"
    )
    pool_slots: int = Field(
        200, ge=1, le=100_000, description="configurations that one replica of a default pool may claim"
    )
    pool_replicas_min: int = Field(
        1, ge=0, le=10_000, description="replicas of a default pool that are kept even without work"
    )
    pool_replicas_max: int = Field(100, ge=1, le=10_000, description="replicas of a default pool at most")
    pool_copies: int = Field(
        1,
        ge=1,
        le=COPIES_MAX,
        description="replicas of the default endpoint pool that serve a collection each",
    )
