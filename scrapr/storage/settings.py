"""Where MongoDB and Redis are."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class MongoSettings(BaseModel):
    """The MongoDB replica set; a single server must be a replica set of one, for its change streams."""

    model_config = ConfigDict(frozen=True)

    url: SecretStr = Field(SecretStr(""), description="mongodb:// URL; empty: `scrapr up` starts its own")
    timeout: float = Field(5.0, gt=0, description="seconds after which an operation counts as failed")


class RedisSettings(BaseModel):
    """The Redis server."""

    model_config = ConfigDict(frozen=True)

    url: SecretStr = Field(SecretStr(""), description="redis:// URL; empty: `scrapr up` starts its own")
    timeout: float = Field(2.0, gt=0, description="seconds after which a command counts as failed")
