"""How a process goes to the web, and what one configuration may say about its own requests."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_interface
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_settings import NoDecode

from scrapr import __version__
from scrapr.model.fetch import CONTACT, USER_AGENT, FetchOptions
from scrapr.model.validation import wrong


def _split(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _check_network(value: Any) -> Any:
    """`value` as it is, unless it is an address within a network: pydantic would not say which is meant."""
    if not isinstance(value, str):
        return value
    try:
        found = ip_interface(value)
    except ValueError:
        return value
    if found.ip != found.network.network_address:
        raise wrong(f"is an address within {found.network}", allowed=str(found.network))
    return value


Network: TypeAlias = Annotated[IPv4Network | IPv6Network, BeforeValidator(_check_network)]
Networks: TypeAlias = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_split)]
"""Networks; in the environment as a list with commas."""
Ports: TypeAlias = Annotated[
    tuple[Annotated[int, Field(ge=1, le=65535)], ...], NoDecode, BeforeValidator(_split)
]


class FetchSettings(BaseModel):
    """How the web is visited: where to go at all, how much to take, how often to ask."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    allow: Networks = Field(
        (), description="networks that may be visited though they are not public, as 127.0.0.0/8,10.1.0.0/16"
    )
    ports: Ports = Field(
        (80, 443, 8080, 8443),
        description="ports that may be visited; addresses that `allow` names may be visited at any port",
    )
    ca_file: Path | None = Field(
        None, description="file of further certificate authorities (PEM) for hosts with private certificates"
    )
    secrets: Path = Field(
        Path("/run/secrets/fetch"),
        description="folder of the secrets that configurations name: in it a folder per host with a file per secret",
    )
    user_agent: Annotated[str, USER_AGENT] = Field(
        f"scrapr/{__version__}",
        description="the User-Agent that is sent; its first word is what robots.txt names",
    )
    contact: Annotated[str, CONTACT] = Field(
        "",
        description="sent with the User-Agent: the URL or mailto: where those who run a site can reach you",
    )

    timeout: float = Field(
        30.0, gt=0, le=300, description="seconds for one try, redirects and the whole body included"
    )
    connect_timeout: float = Field(10.0, gt=0, le=120, description="seconds to connect to one address")
    silence_timeout: float = Field(15.0, gt=0, le=300, description="seconds between two arrivals of bytes")
    body_limit: int = Field(
        10_000_000, ge=1, le=100_000_000, description="bytes of the longest body, counted after decompression"
    )
    header_limit: int = Field(
        16_384, ge=256, le=1_048_576, description="bytes of the longest header line of an answer"
    )
    header_count: int = Field(128, ge=8, le=1024, description="the most headers of an answer")
    redirects: int = Field(5, ge=0, le=20, description="the most redirects that are followed")
    connections: int = Field(256, ge=1, le=10_000, description="open connections to all hosts together")
    keep_alive: float = Field(30.0, gt=0, le=600, description="seconds for which an idle connection is kept")

    retries: int = Field(2, ge=0, le=10, description="further tries after 429, 5xx and connection faults")
    backoff_first: float = Field(
        0.5, gt=0, le=60, description="seconds that the wait before the first retry is at most"
    )
    backoff_most: float = Field(
        30.0, gt=0, le=600, description="seconds that the wait before any retry is at most"
    )
    retry_after_limit: float = Field(
        120.0,
        ge=0,
        le=3600,
        description="seconds of the longest Retry-After that a request waits for instead of failing",
    )
    patience: float = Field(
        600.0, gt=0, le=86_400, description="seconds that a request waits for its turn at a host at most"
    )

    per_host: int = Field(4, ge=1, le=256, description="requests to one host at the same time")
    pace: float = Field(
        0.25, ge=0, le=3600, description="least seconds between two requests to a host; 0 is none"
    )
    adaptive: bool = Field(True, description="ask a host less often while it answers slowly or with errors")
    adaptive_limit: float = Field(
        30.0, ge=0, le=3600, description="seconds of the longest pace that a straining host gets"
    )

    robots: bool = Field(True, description="obey robots.txt (RFC 9309) and its Crawl-delay")
    robots_ttl: float = Field(3600.0, ge=1, le=86_400, description="seconds for which a robots.txt is kept")
    robots_retry: float = Field(
        60.0, ge=0, le=3600, description="seconds after which a failing robots.txt is asked for again"
    )
    robots_limit: int = Field(
        512_000,
        ge=512_000,
        le=5_000_000,
        description="bytes of a robots.txt that are read; the rest is ignored",
    )
    crawl_delay_limit: float = Field(
        60.0, ge=0, le=3600, description="seconds of the longest Crawl-delay that is kept"
    )

    browser: Path = Field(Path("/usr/bin/chromium"), description="the Chromium that renders pages")
    browser_sandbox: bool = Field(
        True, description="Chromium's sandbox, which needs user namespaces; for root there is none anyway"
    )
    browser_pages: int = Field(2, ge=1, le=64, description="pages that are rendered at the same time")
    browser_timeout: float = Field(30.0, gt=0, le=300, description="seconds that rendering a page may take")
    browser_settle: float = Field(
        10.0, gt=0, le=300, description="seconds after which a page that never rests is taken as it is"
    )
    browser_memory: int = Field(
        2_000_000_000,
        ge=1_200_000_000,
        le=100_000_000_000,
        description="bytes of memory that a process of the browser may reserve; one of a small page reserves 650 MB",
    )
    browser_bytes: int = Field(
        50_000_000,
        ge=1,
        le=1_000_000_000,
        description="bytes that the scripts of a page may send and receive",
    )

    @property
    def agent(self) -> str:
        """The User-Agent header: the product, and how to reach who operates it."""
        return f"{self.user_agent} (+{self.contact})" if self.contact else self.user_agent

    def with_options(self, options: FetchOptions | None) -> FetchSettings:
        """These settings as one configuration changes them; what an operator bounds stays."""
        if options is None:
            return self
        return self.model_copy(
            update=options.model_dump(include=set(FetchSettings.model_fields), exclude_none=True)
        )
