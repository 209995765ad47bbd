"""What the datasource accepts at once, how much it reduces at once, and how long it keeps what."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

DAY = 86_400
TTL_MOST = 2**31 - 1
"""Seconds that an index of MongoDB may let something live."""


class DatasourceSettings(BaseModel):
    """The datasource's bounds."""

    model_config = ConfigDict(frozen=True)

    depth: int = Field(
        10_000, ge=1, description="batches that may wait to be reduced before more are refused with 503"
    )
    room_mb: int = Field(
        256, ge=0, description="MB that MongoDB's disk must have left, or batches are refused with 503"
    )
    retry_after: float = Field(2.0, gt=0, description="seconds after which a refused batch may be sent again")
    reducers: int = Field(16, ge=1, le=64, description="collections that one replica reduces at once")
    gather: float = Field(
        0.03,
        ge=0,
        description="seconds between two reductions of a collection, if more came while the first was under way",
    )
    gather_items: int = Field(
        2000, ge=1, le=100_000, description="items reduced in one transaction, if more than one batch waits"
    )
    gather_batches: int = Field(500, ge=1, le=10_000, description="batches reduced in one transaction")
    lease: float = Field(
        3.0,
        gt=0,
        description="seconds that a silent replica is waited for which reduced a collection last",
    )
    reconcile: float = Field(30.0, gt=0, description="seconds between two looks for work that no event told")
    patience: float = Field(
        3600.0, gt=0, description="seconds that a run's end waits for its pages before it counts as broken"
    )
    overdue_ttls: float = Field(
        3.0, ge=1, description="ttls without the end of a run after which a configuration is overdue"
    )
    overdue_least: float = Field(
        300.0, ge=0, description="seconds without the end of a run that no configuration is overdue before"
    )
    overdue_look: float = Field(
        5.0, gt=0, description="seconds between two looks for configurations that are overdue"
    )
    census: float = Field(
        300.0, gt=0, description="seconds between two looks at all configurations, beside config's hints"
    )
    collected: int = Field(
        10_000, ge=1, le=1_000_000, description="values that one list of a record gathers at most"
    )
    push: int = Field(
        1000,
        ge=0,
        le=10_000,
        description="changes told in one push; of more that another replica wrote, only the version",
    )
    inbox_retention: int = Field(
        7 * DAY, ge=3600, le=TTL_MOST, description="seconds that a reduced batch is kept"
    )
    change_retention: int = Field(
        30 * DAY,
        ge=60,
        description="seconds that a change is kept: how far back `at`, `since` and histories reach",
    )
    run_retention: int = Field(
        30 * DAY, ge=3600, le=TTL_MOST, description="seconds that a finished run is kept"
    )
    quarantine_retention: int = Field(
        30 * DAY,
        ge=3600,
        le=TTL_MOST,
        description="seconds that an item is kept which lacks its key or breaks a rule",
    )
    quarantine: int = Field(
        1000, ge=0, le=10_000, description="items of one batch that quarantine keeps; more are only counted"
    )
