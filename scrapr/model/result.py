"""A result is what a run found for one set of inputs; it is kept for a while, apart from the collection."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from scrapr.model.batch import Run
from scrapr.model.inputs import Value
from scrapr.model.item import Item
from scrapr.model.times import Time


class Result(BaseModel):
    """The items of one `run` for `inputs`. Until `fresh_until` it answers all who ask.

    `stale`: it is that old, and a newer run failed for the reason in `error`.
    """

    model_config = ConfigDict(frozen=True)

    inputs: dict[str, Value]
    run: Run
    items: list[Item]
    fresh_until: Time
    stale: bool = False
    error: str | None = None
