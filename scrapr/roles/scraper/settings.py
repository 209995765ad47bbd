"""How many runs a scraper makes at once, how far they go, and how it stops."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ScraperSettings(BaseModel):
    """The scraper's bounds."""

    model_config = ConfigDict(frozen=True)

    runs: int = Field(32, ge=1, le=10_000, description="runs at the same time in one process")
    pages: int = Field(
        10_000, ge=1, le=1_000_000, description="pages of one run at most; a run that has more is cut"
    )
    follows: int = Field(
        1000, ge=0, le=100_000, description="links to follow on one page; a page that has more fails"
    )
    jitter: float = Field(
        0.1, ge=0, le=0.5, description="part of the ttl by which a run may come earlier or later"
    )
    recover: float = Field(
        10.0,
        gt=0,
        le=3600,
        description="seconds before a run that never ended, twice in a row, is made again; doubled each time",
    )
    buffer: int = Field(
        16, ge=1, le=1000, description="pages of one run that may wait for the datasource; then the run waits"
    )
    buffer_bytes: int = Field(
        2_097_152,
        ge=1024,
        le=67_108_864,
        description="bytes of the items on them after which the run waits, too",
    )
    inline: int = Field(
        200_000, ge=0, description="characters of a page that is extracted at once; longer ones in a thread"
    )
    cells: int = Field(2, ge=1, le=64, description="processes for suspicious pages at the same time")
    cell_seconds: float = Field(
        5.0, gt=0, le=300, description="seconds that a suspicious page may take; a page that takes more fails"
    )
    cell_memory: int = Field(
        256, ge=32, le=16_384, description="MiB that a suspicious page may take; a page that takes more fails"
    )
    deadline: float = Field(
        10.0, ge=0, le=300, description="seconds for which a start waits for its runs before it answers 202"
    )
    finish: float = Field(
        2.5, ge=0, description="seconds for runs at hand when the process stops; less than drain.grace"
    )
    hand_over: float = Field(
        1.0, ge=0, description="seconds for runs that are cut then to hand over what they have"
    )
    ahead: int = Field(
        8,
        ge=0,
        le=256,
        description="pages fetched before the link to them is seen, where links show a pattern",
    )
    slot_lease: float = Field(
        10.0,
        ge=1,
        le=600,
        description="seconds after which a killed scraper's turns at a host are free again",
    )
    remembered: int = Field(
        10_000,
        ge=0,
        le=100_000,
        description="pages of a configuration that are only asked for if they changed",
    )
    refresh: float = Field(
        86_400.0,
        ge=0,
        le=31_536_000,
        description="seconds after which an unchanged page is read again anyway",
    )
    input_runs: int = Field(
        8, ge=1, le=1000, description="runs with inputs at the same time in one process; with more, 429"
    )
    input_sets: int = Field(
        200, ge=1, le=100_000, description="sets of inputs of a configuration whose results are kept"
    )
    input_bytes: int = Field(
        1_048_576, ge=1024, le=67_108_864, description="bytes of items in one result; a run with more is cut"
    )
    recent: int = Field(100, ge=1, le=10_000, description="runs of a configuration that are remembered")
    prefix: str = Field("scrapr", description="what the Redis keys of this installation begin with")
