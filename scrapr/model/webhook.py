"""A webhook is an address of a user's that is told of events, as the Standard Webhooks specification says.

Source: https://github.com/standard-webhooks/standard-webhooks, specification of 2024.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator
from yarl import URL

from scrapr.model.collection import Name
from scrapr.model.configuration import ConfigurationId
from scrapr.model.times import Time
from scrapr.model.validation import wrong

EventType: TypeAlias = Literal["run.finished", "run.failed", "state.changed", "items.changed"]
EVENTS: tuple[EventType, ...] = get_args(EventType)
PREFIX = "whsec_"
SECRET_ALLOWED = f"{PREFIX} and the base64 of 24 to 64 random bytes, or no secret to have one made"
URL_ALLOWED = "an absolute http or https URL without user and password"


def _check_url(text: str) -> str:
    try:
        url = URL(text)
    except ValueError as error:
        raise wrong(f"is not a URL: {error}", allowed=URL_ALLOWED) from error
    if any(each <= " " or each == "\x7f" for each in text):
        raise wrong("holds blanks or control characters", allowed=URL_ALLOWED)
    if url.scheme not in {"http", "https"} or not url.host or url.user is not None:
        raise wrong("is not a web address to post to", allowed=URL_ALLOWED)
    return text


def _check_secret(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not text.startswith(PREFIX) or not 24 <= len(key) <= 64:
        raise wrong("is no webhook secret", allowed=SECRET_ALLOWED)
    return secret


class WebhookDraft(BaseModel):
    """A webhook as a user posts it: of one collection, of one configuration, or of everything."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str, Field(max_length=2048), AfterValidator(_check_url)]
    events: Annotated[tuple[EventType, ...], Field(min_length=1)] = EVENTS
    collection: Name | None = None
    configuration: ConfigurationId | None = None
    secret: Annotated[SecretStr, AfterValidator(_check_secret)] | None = None
    """Signs what is sent; it is never shown again."""

    @model_validator(mode="before")
    @classmethod
    def _choose_events(cls, given: Any) -> Any:
        """Of a configuration, all events but `items.changed` are the default."""
        if isinstance(given, dict) and given.get("configuration") is not None and "events" not in given:
            return {**given, "events": [each for each in EVENTS if each != "items.changed"]}
        return given

    @model_validator(mode="after")
    def _check_scope(self) -> WebhookDraft:
        if self.collection is not None and self.configuration is not None:
            raise wrong("stands beside a collection", allowed="one of both", field="configuration")
        if self.configuration is not None and "items.changed" in self.events:
            raise wrong(
                "holds items.changed, which a collection has and a configuration has not",
                allowed="run.finished, run.failed, state.changed; or name the collection",
                field="events",
            )
        return self


class Webhook(BaseModel):
    """A webhook as it is shown. Its secret is not, nor the path of its URL, in which services put theirs."""

    model_config = ConfigDict(frozen=True)

    id: str
    url: str
    events: tuple[EventType, ...]
    collection: str | None = None
    configuration: str | None = None
    created_at: Time
    disabled: str | None = None
    """Why nothing is sent to it any more, until its deliveries are retried."""
    waiting: int = 0
    """Deliveries that wait for their first or next try."""
    dead: int = 0
    """Deliveries that were given up."""


class NewWebhook(Webhook):
    """A webhook right after it was added; with its secret where that was made for it, this one time."""

    secret: str | None = None


class Webhooks(BaseModel):
    """All webhooks, oldest first."""

    webhooks: tuple[Webhook, ...]


class DeadLetter(BaseModel):
    """A delivery that was given up: what it tells of, how often it was tried, and what went wrong the last time."""

    model_config = ConfigDict(frozen=True)

    id: str
    """Sent as `webhook-id`, the same with every try."""
    event: EventType
    collection: str
    configuration: str | None = None
    created_at: Time
    dead_at: Time
    tries: int
    error: str


class DeadLetters(BaseModel):
    """Deliveries that were given up, oldest first."""

    dead: tuple[DeadLetter, ...]


class Retry(BaseModel):
    """Which dead letters to send again; all of them where none are named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    deliveries: Annotated[tuple[str, ...], Field(min_length=1, max_length=1000)] | None = None


class Retried(BaseModel):
    """How many dead letters are sent again."""

    retried: int
