"""A rebuild makes a collection's records again from the batches that they came from."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from scrapr.model.times import Time


class Rebuild(BaseModel):
    """The newest rebuild of a collection: `refused` says why in `error`.

    `batches` were reduced again; `created`, `updated` and `removed` count the records that were other than their
    batches say, and were put right: none, if all is well.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    state: Literal["waiting", "done", "refused"]
    requested_at: Time
    finished_at: Time | None = None
    batches: int = 0
    created: int = 0
    updated: int = 0
    removed: int = 0
    error: str | None = None
