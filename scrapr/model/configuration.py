"""A configuration is what a user wants scraped, and the endpoint that serves it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, model_validator
from yarl import URL

from scrapr.model.collection import Name
from scrapr.model.errors import FieldError
from scrapr.model.fetch import FetchOptions
from scrapr.model.inputs import Inputs
from scrapr.model.item import JSON
from scrapr.model.rules import FieldRule, Removal
from scrapr.model.times import Time
from scrapr.model.validation import wrong

Type: TypeAlias = Literal["scraper", "endpoint"]

SOURCE_ALLOWED = "an absolute http or https URL"
TTL_MAX = 31_536_000
MISPLACED = "has no place in a configuration of type endpoint"
PARTS = ("scraper", "fetch", "inputs", "fields", "removal")
"""What only a configuration of type scraper has."""
DEFAULT_COLLECT = {"item": "items"}
"""As in the thesis: the `item`s of one title gather in its `items`."""


def _check_source(source: str) -> str:
    try:
        url = URL(source)
    except ValueError as error:
        raise wrong(f"is not a URL: {error}", allowed=SOURCE_ALLOWED) from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise wrong("is not a web address", allowed=SOURCE_ALLOWED)
    if url.user is not None:
        raise wrong("holds a user or password, which would be stored and shown", allowed=SOURCE_ALLOWED)
    return source


def wrong_parts(kind: Any, given: Collection[str]) -> Iterator[FieldError]:
    """Which of `PARTS` a configuration of type `kind` lacks, or has and must not; `given` are those it has."""
    if kind == "scraper" and "scraper" not in given:
        yield FieldError(field="scraper", problem="is missing", allowed="an object with source and selector")
    for name in PARTS if kind == "endpoint" else ():
        if name in given:
            yield FieldError(field=name, problem=MISPLACED, allowed="null")


ConfigurationId = Annotated[str, Field(max_length=100)]
"""What a configuration is called by whoever speaks of it; that there is one is another matter."""
Source = Annotated[str, Field(max_length=8192), AfterValidator(_check_source)]
FieldName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^$\x00][^\x00]*$")]
FieldRules = Annotated[dict[FieldName, FieldRule], Field(max_length=200)]


class Scraper(BaseModel):
    """Where the items are: a source, X-Ray selectors, and how to go from page to page.

    `selector` is an object, the thesis's list with one object, a selector string, or a list with one string.
    Its texts may hold placeholders, `{name}`, for the configuration's inputs.
    `limit` is the greatest number of pages of a run; none means as many as the settings allow.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Source
    scope: str | None = None
    selector: JSON
    paginate: str | None = None
    limit: Annotated[StrictInt, Field(ge=1, le=1_000_000)] | None = None


class Draft(BaseModel):
    """A configuration as a user posts it.

    `key` names the fields that identify an item; `collect` maps fields to the lists in which their distinct
    values gather; all other fields keep their latest value. `fetch` says how its pages are to be asked for,
    `inputs` what whoever runs it may choose, `fields` what items must be to become records, and `removal` when
    records go that a run did not see.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Type
    collection: Name
    scraper: Scraper | None = None
    ttl: Annotated[StrictInt, Field(ge=1, le=TTL_MAX, description="seconds between two runs")] = 300
    container: Annotated[str, Field(max_length=200)] | None = None
    pool: Name = "default"
    key: Annotated[tuple[FieldName, ...], Field(min_length=1, max_length=10)] | None = None
    collect: Annotated[dict[FieldName, FieldName], Field(max_length=100)] | None = None
    fetch: FetchOptions | None = None
    inputs: Inputs | None = None
    fields: FieldRules | None = None
    removal: Removal | None = None

    @model_validator(mode="after")
    def _check_parts(self) -> Draft:
        given = {name for name in PARTS if getattr(self, name) is not None}
        for fault in wrong_parts(self.type, given):
            raise wrong(fault.problem, allowed=fault.allowed, field=fault.field)
        return self

    @property
    def key_fields(self) -> tuple[str, ...]:
        """The fields that identify an item: those named, else `title`, as in the thesis."""
        return self.key or ("title",)

    @property
    def field_rules(self) -> dict[str, FieldRule]:
        """What the fields of an item must be, as far as anything is declared."""
        return self.fields or {}

    @property
    def collected(self) -> dict[str, str]:
        """Field of an item to the list of a record in which its distinct values gather."""
        return DEFAULT_COLLECT if self.collect is None else self.collect


class Configuration(Draft):
    """A stored configuration: a draft with an identity, a revision, and who holds its claim.

    `revision` grows with each change that a user makes; claims do not touch it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    revision: int = 1
    created_at: Time
    updated_at: Time


class Configurations(BaseModel):
    """A page of configurations in the order of their creation; `next` is the id to go on after, or none."""

    configurations: tuple[Configuration, ...]
    next: str | None = None
