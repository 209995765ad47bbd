"""A lease is the time-limited right of one process of several to act for all of them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from scrapr.model.collection import Name


class LeaseRequest(BaseModel):
    """A process's wish to hold a lease, or to go on holding it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    container: Name


class Lease(BaseModel):
    """Who holds it now. `epoch` grows with each holder; `seconds` is how long it holds from the time of asking."""

    model_config = ConfigDict(frozen=True)

    name: str
    container: str
    epoch: int
    seconds: float
