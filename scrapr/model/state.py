"""A configuration's state: how its newest run compares with those before, or that its runs stopped coming."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from scrapr.model.batch import Outcome, State
from scrapr.model.times import Time

Condition: TypeAlias = Literal["new", "healthy", "degraded", "broken", "overdue"]
"""new: no run has ended yet; overdue: none has ended for several ttls; the others are those of the newest run."""


class LastRun(BaseModel):
    """The newest run that ended."""

    model_config = ConfigDict(frozen=True)

    run: str
    started_at: Time
    finished_at: Time
    outcome: Outcome
    state: State
    reason: str | None = None


class GoodRun(BaseModel):
    """What the newest healthy run had; `fill` is the part of its items in which each field was filled."""

    model_config = ConfigDict(frozen=True)

    run: str
    finished_at: Time
    items: int
    pages: int
    fill: dict[str, float] = {}


class ConfigurationState(BaseModel):
    """The state of one configuration, since when, and why. Before `due_at` it is not overdue, none: it never is."""

    model_config = ConfigDict(frozen=True)

    configuration: str
    collection: str
    state: Condition
    reason: str | None = None
    since: Time
    due_at: Time | None = None
    last: LastRun | None = None
    good: GoodRun | None = None


class ConfigurationStates(BaseModel):
    """A page of states in the order of the configurations' ids; `next` is the id to go on after, or none."""

    states: tuple[ConfigurationState, ...]
    next: str | None = None
