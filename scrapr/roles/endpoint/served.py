"""Which collections are served, and where."""

from __future__ import annotations

from pydantic import BaseModel

from scrapr.model.times import Time


class Served(BaseModel):
    """A collection and where its items are; what only the serving process knows is null for another's."""

    name: str
    items: str
    """URL path of its items."""
    here: bool
    """Whether this process serves it, or passes requests on to `url`."""
    url: str | None = None
    version: int | None = None
    records: int | None = None
    stale: bool | None = None
    last_success_at: Time | None = None


class ServedCollections(BaseModel):
    """All collections that this endpoint and its peers serve, by name."""

    collections: tuple[Served, ...]
