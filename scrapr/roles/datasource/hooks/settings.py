"""How webhooks are sent: where to, how patiently, and how many."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from scrapr.fetching.settings import Networks, Ports

DAY = 86_400


class WebhookSettings(BaseModel):
    """The sender of webhooks. Its addresses are guarded as those of fetching, with an allow-list of its own."""

    model_config = ConfigDict(frozen=True)

    allow: Networks = Field(
        (), description="networks that webhooks may be sent to though they are not public, as 10.1.0.0/16"
    )
    ports: Ports = Field(
        (80, 443, 8080, 8443),
        description="ports that webhooks may be sent to; addresses that `allow` names may be at any port",
    )
    timeout: float = Field(10.0, gt=0, le=120, description="seconds that a receiver may take for its answer")
    give_up: float = Field(
        float(DAY), gt=0, description="seconds after which a delivery that nobody took is a dead letter"
    )
    backoff_first: float = Field(
        1.0, gt=0, le=3600, description="seconds that the wait before the second try is at most; then doubled"
    )
    backoff_most: float = Field(3600.0, gt=0, description="seconds that the wait before any try is at most")
    parallel: int = Field(4, ge=1, le=100, description="collections that one webhook is told of at once")
    most: int = Field(1000, ge=1, le=100_000, description="webhooks at most; more are refused with 409")
    backlog: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="deliveries that wait for one webhook; of more, the new ones are dead letters at once",
    )
    retention: int = Field(7 * DAY, ge=3600, description="seconds that a dead letter is kept")
