"""Quarantine holds the items that became no records: they lack their key, or break a rule of `fields`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from scrapr.model.configuration import ConfigurationId, FieldName, FieldRules
from scrapr.model.errors import FieldError
from scrapr.model.item import Item
from scrapr.model.times import Time


class Quarantined(BaseModel):
    """One item, where it came from, and each reason why it became no record."""

    model_config = ConfigDict(frozen=True)

    id: str
    run: str
    configuration: str | None
    item: Item
    reasons: tuple[FieldError, ...]
    at: Time


class Quarantine(BaseModel):
    """A page of a collection's quarantine; `next` is the id to go on after, `total` what it holds in all."""

    model_config = ConfigDict(frozen=True)

    collection: str
    total: int
    items: tuple[Quarantined, ...]
    next: str | None = None


class Replay(BaseModel):
    """The body of `POST …/quarantine/replay`: which items to judge again, and by which rules.

    Of one `configuration`, or of all. What is left out of `key`, `collect` and `fields` is as in the configuration's
    newest batch.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    configuration: ConfigurationId | None = None
    key: Annotated[tuple[FieldName, ...], Field(min_length=1, max_length=10)] | None = None
    collect: Annotated[dict[FieldName, FieldName], Field(max_length=100)] | None = None
    fields: FieldRules | None = None
    after: Annotated[str, Field(max_length=300)] | None = None
    limit: Annotated[StrictInt, Field(ge=1, le=10_000)] = 1000


class Replayed(BaseModel):
    """What became of the items: `replayed` are in the inbox once more and will be reduced, `left` are as before.

    `next` is the `after` to go on with, or none at the end.
    """

    model_config = ConfigDict(frozen=True)

    replayed: int
    left: int
    next: str | None = None
