"""A batch is the items of one page of one run: sent once, received at least once, reduced exactly once."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from scrapr.model.collection import Name
from scrapr.model.configuration import DEFAULT_COLLECT, ConfigurationId, FieldName, FieldRules
from scrapr.model.item import Item
from scrapr.model.rules import Removal
from scrapr.model.times import Time

RunId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
Outcome: TypeAlias = Literal["complete", "cut", "empty", "failed"]
"""complete: all pages to the end or the limit; cut: those before a failure; empty: no items; failed: none."""
State: TypeAlias = Literal["healthy", "degraded", "broken"]
"""healthy: as usual; degraded: far less than usual, of items or in a field, or cut; broken: nothing."""


class Batch(BaseModel):
    """The body of `POST /items`. `collection` and `data` alone, as in the thesis, are a run of one page.

    It carries how it is to be reduced, so that a collection can be rebuilt from its batches alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    collection: Name
    data: list[Item]
    run: RunId | None = None
    page: Annotated[StrictInt, Field(ge=1)] = 1
    configuration: ConfigurationId | None = None
    epoch: Annotated[StrictInt, Field(ge=0)] | None = None
    source: Annotated[str, Field(max_length=8192)] | None = None
    key: Annotated[tuple[FieldName, ...], Field(min_length=1, max_length=10)] = ("title",)
    collect: Annotated[dict[FieldName, FieldName], Field(max_length=100)] = DEFAULT_COLLECT
    fields: FieldRules = {}
    """What an item must be to become a record; one that breaks a rule goes to quarantine."""
    names: tuple[str, ...] = ()
    """The fields that the configuration's selector gives. What a record that it alone feeds has beside them goes."""


class Epoch(BaseModel):
    """The body of `PUT /epochs/{configuration}`: that of the claim under which its next batches are sent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epoch: Annotated[StrictInt, Field(ge=0, le=2**63 - 1)]


class Announcement(Epoch):
    """An epoch, and the configuration whose claim it is."""

    configuration: ConfigurationId


class Run(BaseModel):
    """One pass of a scraper over a configuration's pages; also the body of `POST /items` that ends it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: RunId
    finished: Literal[True] = True
    collection: Name
    configuration: ConfigurationId | None = None
    epoch: Annotated[StrictInt, Field(ge=0)] | None = None
    revision: Annotated[StrictInt, Field(ge=0)] | None = None
    """Of the configuration; runs of another are not compared with it."""
    removal: Removal = Removal()
    outcome: Outcome
    started_at: Time
    finished_at: Time
    pages: Annotated[StrictInt, Field(ge=0)] = 0
    """Pages whose items were sent as batches 1 … pages."""
    items: Annotated[StrictInt, Field(ge=0)] = 0
    unchanged_pages: Annotated[StrictInt, Field(ge=0)] = 0
    """Pages that are as they were when their items, `unchanged_items`, were sent."""
    unchanged_items: Annotated[StrictInt, Field(ge=0)] = 0
    unchanged: dict[RunId, tuple[Annotated[str, Field(max_length=8192)], ...]] = {}
    """The sources of the unchanged pages, by the run that sent their items; told at the end of a run alone."""
    wasted_pages: Annotated[StrictInt, Field(ge=0)] = 0
    """Pages fetched ahead that were not wanted."""
    bytes: Annotated[StrictInt, Field(ge=0)] = 0
    retries: Annotated[StrictInt, Field(ge=0)] = 0
    waited: dict[str, float] = {}
    """What slowed the run, in seconds by cause: pace, crawl_delay, retry_after, backoff, concurrency …"""
    error: Annotated[str, Field(max_length=10_000)] | None = None
    matches: dict[str, int] = {}
    """Selector to the number of elements that it matched in the whole run."""
    fill: dict[str, float] = {}
    """Field to the part of the items, 0 to 1, in which it is not empty."""
    unconverted: dict[str, int] = {}
    """Field to the number of values that its filters could not convert."""


class Receipt(BaseModel):
    """The answer to `POST /items`: the batch is durable."""

    model_config = ConfigDict(frozen=True)

    ok: Literal[True] = True
    accepted: int
    duplicate: bool = False
    unkeyed: int = 0
    """Items of those accepted that lack a key: they go to quarantine and become no records."""
    run: str


class Receipts(BaseModel):
    """The answer to several batches that were posted together, in their order: all are durable."""

    model_config = ConfigDict(frozen=True)

    receipts: tuple[Receipt, ...]


class Reduction(BaseModel):
    """What the datasource made of a run: records that its pages changed, and those that its end removed.

    `unkeyed` items lacked their key, `quarantined` ones broke a rule of `fields`; both are in quarantine.
    `kept` is the reason why records that the run did not see stayed, if they did.
    """

    model_config = ConfigDict(frozen=True)

    created: int
    updated: int
    removed: int
    unkeyed: int
    quarantined: int = 0
    kept: str | None = None
    at: Time


class ReducedRun(Run):
    """A run as the datasource tells of it; without a `reduction` as long as it waits for its pages.

    `state` is how it compares with the runs before it; `reason` names what is wrong.
    """

    state: State | None = None
    reason: str | None = None
    reduction: Reduction | None = None


class Runs(BaseModel):
    """Runs, newest first."""

    runs: tuple[ReducedRun | Run, ...]
