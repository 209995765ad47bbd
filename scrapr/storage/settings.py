"""Where MongoDB and Redis are."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from scrapr.model.validation import wrong

MONGO_SCHEMES = frozenset({"mongodb", "mongodb+srv"})
REDIS_SCHEMES = frozenset({"redis", "rediss", "unix"})
MONGO = "mongodb://host:27017/?replicaSet=name, with user:password@ before the host where there is one"
REDIS = (
    "redis://host:6379/0 or rediss://…, with :password@ before the host where there is one, or unix:///path"
)


class MongoSettings(BaseModel):
    """The MongoDB replica set; a single server must be a replica set of one, for its change streams."""

    model_config = ConfigDict(frozen=True)

    url: SecretStr = Field(SecretStr(""), description="mongodb:// URL; empty: `scrapr up` starts its own")
    timeout: float = Field(5.0, gt=0, description="seconds after which an operation counts as failed")

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: SecretStr) -> SecretStr:
        parts = _split(url)
        if parts is None or (any(parts) and (parts.scheme not in MONGO_SCHEMES or not parts.netloc)):
            raise wrong("is no URL of MongoDB", allowed=MONGO)
        return url


class RedisSettings(BaseModel):
    """The Redis server."""

    model_config = ConfigDict(frozen=True)

    url: SecretStr = Field(SecretStr(""), description="redis:// URL; empty: `scrapr up` starts its own")
    timeout: float = Field(2.0, gt=0, description="seconds after which a command counts as failed")

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: SecretStr) -> SecretStr:
        parts = _split(url)
        if parts is None or (any(parts) and (parts.scheme not in REDIS_SCHEMES or not _has_good_port(parts))):
            raise wrong("is no URL of Redis", allowed=REDIS)
        return url


def _split(url: SecretStr) -> SplitResult | None:
    try:
        return urlsplit(url.get_secret_value())
    except ValueError:
        # It would be told with the whole URL, which holds a password.
        return None


def _has_good_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False
