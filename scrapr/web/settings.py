"""Where a role listens and what it accepts."""

from __future__ import annotations

from ipaddress import ip_address

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from scrapr.model.validation import wrong


class WebSettings(BaseModel):
    """The HTTP server of a role, and the token that roles show each other."""

    model_config = ConfigDict(frozen=True)

    host: str = Field("127.0.0.1", description="address to listen on; any but loopback needs a token")
    port: int | None = Field(
        None, ge=0, le=65535, description="port to listen on; none: the role's own; 0: a free one"
    )
    advertise: str | None = Field(
        None,
        description="URL at which others reach this process; none: host and port (0.0.0.0: the address toward Redis)",
    )
    token: SecretStr = Field(
        SecretStr(""), description="bearer token that every write must carry, and roles send"
    )
    ping: float = Field(
        5.0,
        gt=0,
        le=3600,
        description="seconds between two signs of life to roles that listen; two of them without one: gone",
    )
    body_limit: int = Field(16 * 2**20, ge=1024, description="bytes of a request's body at most")

    at_once: int = Field(
        1000, ge=1, description="requests under way; more are answered 503, but for those that ask how it is"
    )

    @model_validator(mode="after")
    def _check_exposure(self) -> WebSettings:
        if not _is_loopback(self.host) and not self.token.get_secret_value():
            raise wrong(
                "listens beyond loopback without a token", allowed="127.0.0.1, or set web.token", field="host"
            )
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
