"""Where instances are written down, and for how long one counts as present."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from yarl import URL

from scrapr.model.validation import wrong


class DiscoverySettings(BaseModel):
    """Who is where."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["redis", "consul"] = Field("redis", description="where instances are written down")
    ttl: float = Field(
        10.0, ge=1, description="seconds after its last sign for which an instance counts as present"
    )
    cache: float = Field(1.0, ge=0, description="seconds for which an answer is used again")
    patience: float = Field(
        1.0, gt=0, description="seconds after which an answer that does not come is the one known last"
    )
    fallback: str = Field(
        "",
        description="where a role is asked for that the registry tells nothing of, or while it does not answer: "
        "`ROLE=URL`, commas between; on a Swarm the names of the services",
    )
    prefix: str = Field(
        "scrapr",
        description="what the keys of this installation begin with; Consul: any but the default goes before "
        "the names of services, as `other-endpoint`",
    )
    consul_url: str = Field(
        "http://127.0.0.1:8500", description="Consul's agents, commas between; the next where one is away"
    )
    consul_token: SecretStr = Field(
        SecretStr(""), description="Consul's ACL token (deploy/consul/policy.hcl)"
    )
    consul_ca: Path | None = Field(None, description="PEM file of who signs Consul's certificates; for https")
    consul_cert: Path | None = Field(None, description="PEM file of the certificate to show to Consul")
    consul_key: Path | None = Field(None, description="PEM file of that certificate's key")

    @field_validator("consul_url")
    @classmethod
    def _check_urls(cls, value: str) -> str:
        for each in value.split(","):
            url = URL(each.strip())
            if url.scheme not in {"http", "https"} or not url.host:
                raise wrong(f'"{each}" is no agent\'s URL', allowed="http://HOST:8500, https://HOST:8501")
        return value

    @field_validator("fallback")
    @classmethod
    def _check_fallback(cls, value: str) -> str:
        for each in filter(None, value.split(",")):
            role, _, url = each.strip().partition("=")
            if not role or URL(url).scheme not in {"http", "https"} or not URL(url).host:
                raise wrong(f'"{each}" says of no role where it is', allowed="datasource=http://HOST:3001")
        return value

    @property
    def fallbacks(self) -> dict[str, str]:
        """The URL of each role that is known without the registry."""
        parts = (each.strip().partition("=") for each in self.fallback.split(",") if each)
        return {role: url for role, _, url in parts}

    @property
    def consul_agents(self) -> tuple[URL, ...]:
        """Consul's agents, in the order in which they are asked."""
        return tuple(URL(each.strip()) for each in self.consul_url.split(","))
