"""Where a role listens and what it accepts."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

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
    private: bool = Field(
        False,
        description="whether reads need a token, too, the public API's included; health and metrics never do",
    )
    body_limit: int = Field(16 * 2**20, ge=1024, description="bytes of a request's body at most")

    at_once: int = Field(
        1000, ge=1, description="requests under way; more are answered 503, but for those that ask how it is"
    )

    @field_validator("token")
    @classmethod
    def _check_token(cls, token: SecretStr) -> SecretStr:
        if any(not "!" <= each <= "~" for each in token.get_secret_value()):
            raise wrong(
                "is no token for a header", allowed="letters, digits and signs of ASCII, without blanks"
            )
        return token

    @model_validator(mode="after")
    def _check_exposure(self) -> WebSettings:
        if not _is_loopback(self.host) and not self.token.get_secret_value():
            raise wrong(
                "listens beyond loopback without a token", allowed="127.0.0.1, or set web.token", field="host"
            )
        if self.private and not self.token.get_secret_value():
            raise wrong(
                "is set, and roles have no token to read from each other with",
                allowed="set web.token",
                field="private",
            )
        return self


class OAuthSettings(BaseModel):
    """Whose access tokens are accepted beside the roles' own: JWTs of an OpenID or OAuth issuer (RFC 9068)."""

    model_config = ConfigDict(frozen=True)

    issuer: str = Field("", description="the issuer's URL, exactly as its tokens say it; empty: none")
    audience: str = Field("", description="what tokens must be made for (`aud`)")
    read_scope: str = Field(
        "scrapr:read", min_length=1, description="scope that allows reads, where they need a token"
    )
    write_scope: str = Field("scrapr:write", min_length=1, description="scope that allows writes, and reads")
    keys_ttl: float = Field(600.0, gt=0, description="seconds after which the issuer's keys are fetched anew")
    leeway: int = Field(30, ge=0, le=300, description="seconds by which the issuer's clock may differ")

    @model_validator(mode="after")
    def _check_issuer(self) -> OAuthSettings:
        if self.issuer and not is_confidential(self.issuer):
            raise wrong("is no URL that is safe", allowed="https://…, or http:// on loopback", field="issuer")
        if self.issuer and not self.audience:
            raise wrong(
                "is empty: a token for anything else would be accepted",
                allowed="what tokens for this are made for",
                field="audience",
            )
        return self


def is_confidential(url: str) -> bool:
    """Whether what is read at `url` comes from who is named there: https, or http on loopback."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host)))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
