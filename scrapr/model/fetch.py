"""What one configuration may say about its own requests."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from scrapr.model.asking import Asking
from scrapr.model.validation import wrong

USER_AGENT = Field(min_length=3, max_length=500, pattern=r"^[A-Za-z][A-Za-z0-9_.-]*[ -~]*$")

CONTACT = Field(max_length=200, pattern=r"^[!-'*-~]*$")


def _read_render(value: Any) -> Any:
    if value is None or isinstance(value, bool) or value == "auto":
        return value
    raise wrong('is neither yes, no nor "auto"', allowed='true, false, "auto"')


class FetchOptions(Asking):
    """What one configuration says about its own requests; what is null stays as the settings say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user_agent: Annotated[str, USER_AGENT] | None = Field(None, description="the User-Agent that is sent")
    contact: Annotated[str, CONTACT] | None = Field(
        None, description="what is sent with it: a URL or mailto:"
    )
    robots: bool | None = Field(None, description="whether robots.txt is obeyed")
    pace: float | None = Field(
        None, ge=0, le=3600, description="least seconds between two requests to a host"
    )
    adaptive: bool | None = Field(None, description="whether a host that strains is asked less often")
    per_host: int | None = Field(None, ge=1, le=256, description="requests to one host at the same time")
    retries: int | None = Field(None, ge=0, le=10, description="further tries of a request that failed")
    backoff_first: float | None = Field(
        None, gt=0, le=60, description="seconds that the wait before the first retry is at most"
    )
    backoff_most: float | None = Field(
        None, gt=0, le=600, description="seconds that the wait before any retry is at most"
    )
    retry_after_limit: float | None = Field(
        None, ge=0, le=3600, description="seconds of the longest Retry-After that is waited for"
    )
    crawl_delay_limit: float | None = Field(
        None, ge=0, le=3600, description="seconds of the longest Crawl-delay that is kept"
    )
    adaptive_limit: float | None = Field(
        None, ge=0, le=3600, description="seconds of the longest pace that a straining host gets"
    )
    render: Annotated[bool | Literal["auto"] | None, BeforeValidator(_read_render)] = Field(
        None,
        description='whether a browser runs the page\'s scripts; "auto": where the scope is missing without',
    )
    timeout: float | None = Field(None, gt=0, le=300, description="seconds for one try, redirects included")
