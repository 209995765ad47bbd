"""A start asks a scraper to run now."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from scrapr.model.batch import Run, RunId
from scrapr.model.collection import Name
from scrapr.model.configuration import ConfigurationId
from scrapr.model.item import JSON
from scrapr.model.result import Result
from scrapr.model.validation import wrong

FORWARDED = "Scrapr-Forwarded"
"""The header of a start that another scraper passes on: who gets it does not pass it on again."""


class Choice(BaseModel):
    """What to run now: one configuration, those of a collection, or all that the scraper holds.

    `wait` is for how many seconds to wait for the end; none: as long as the scraper's settings say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    configuration: Annotated[ConfigurationId, Field(min_length=1)] | None = None
    collection: Name | None = None
    wait: Annotated[float, Field(ge=0, le=300, description="seconds")] | None = None

    @model_validator(mode="after")
    def _check_choice(self) -> Choice:
        if self.configuration is not None and self.collection is not None:
            raise wrong("is given beside a configuration", allowed="one of the two", field="collection")
        return self


class Start(Choice):
    """What to run now, with `inputs` in place of a configuration's defaults.

    With inputs, be they none, the items are in the answer and not in the collection. A `collection` then means the one
    of its configurations that takes them.
    """

    inputs: Annotated[dict[str, JSON], Field(max_length=100)] | None = None

    @model_validator(mode="after")
    def _check_inputs(self) -> Start:
        if self.inputs is not None and self.configuration is None and self.collection is None:
            raise wrong(
                "is missing beside inputs", allowed="the id of a configuration", field="configuration"
            )
        return self


class UnderWay(BaseModel):
    """A run that has not ended yet; it will be among the scraper's `/runs`."""

    model_config = ConfigDict(frozen=True)

    run: RunId
    configuration: str
    collection: str


class Started(BaseModel):
    """The runs that a start led to: those that ended in time, and those that go on.

    `results` are those of runs with inputs; they may have ended some time ago.
    """

    model_config = ConfigDict(frozen=True)

    runs: tuple[Run, ...] = ()
    under_way: tuple[UnderWay, ...] = ()
    results: tuple[Result, ...] = ()
