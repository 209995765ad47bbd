"""What is answered to who gives inputs: items that were found for them, or where they will be."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, RootModel

from scrapr.model.inputs import Value
from scrapr.model.item import Item
from scrapr.model.times import Time
from scrapr.roles.endpoint.query import Items


class FoundItems(BaseModel):
    """A page of the items that `run` found for `inputs` under /v1; they are apart from the collection's.

    `stale` tells that a newer run failed, for the reason in `error`.
    """

    collection: str
    inputs: dict[str, Value]
    run: str
    outcome: str
    items: Sequence[Item]
    total: int
    next: str | None
    stale: bool
    error: str | None
    last_success_at: Time


class Awaited(BaseModel):
    """The items are not found yet; they will be at `items`, where whoever asks joins the `run`.

    The headers `Location` and `Retry-After` say where and when to ask, too.
    """

    collection: str
    run: str
    items: str


class AnyItems(RootModel[Items | FoundItems]):
    """A collection's items, or those that were found for inputs."""
