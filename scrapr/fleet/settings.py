"""How this process reaches the fleet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode

from scrapr.model.validation import wrong


def _split(value: Any) -> Any:
    """A list as one text: its parts with commas between."""
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


Names: TypeAlias = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class FleetSettings(BaseModel):
    """Where replicas are started, and what they are given."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["processes", "swarm"] = Field(
        "processes",
        description="what runs the replicas: `processes`, children of the local zygote, or `swarm`, Docker's cluster",
    )
    socket: Path | None = Field(
        None, description="the zygote's unix socket; `scrapr up` sets it for its orchestrator"
    )
    port_base: int = Field(
        3000,
        ge=1,
        le=65531,
        description="the scraper's port; datasource, endpoint, config, orchestrator have the next",
    )
    logs: Path | None = Field(
        None,
        description="folder of the replicas' logs, one `<name>.log` each; unset: the starter's own output",
    )
    grace: float = Field(
        8.0, gt=0, description="seconds between SIGTERM and SIGKILL; more than a role's drain takes"
    )
    engine: str | None = Field(
        None,
        description="the Docker engine of a manager, as unix:///run/docker.sock or tcp://engine-proxy:2375; "
        "none: what `docker` itself takes",
    )
    stack: str = Field(
        "scrapr",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,30}$",
        description="the stack whose pools are kept in the cluster: their services' label, and their names' beginning",
    )
    image: str = Field("", description="the image of the pools' replicas in the cluster")
    registry_login: SecretStr = Field(
        SecretStr(""),
        description="what the pools' nodes show to the registry of their image, as user:password; empty: nothing",
    )
    networks: Names = Field((), description="networks of the replicas in the cluster, with commas between")
    secrets: Names = Field(
        (),
        description="the engine's secrets that replicas get, as name or name=file, with commas between",
    )

    @field_validator("registry_login")
    @classmethod
    def _check_login(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and ":" not in value.get_secret_value():
            raise wrong("has no colon", allowed="user:password")
        return value

    @model_validator(mode="after")
    def _check_image(self) -> FleetSettings:
        if self.kind == "swarm" and not self.image:
            raise wrong("is missing", allowed="the image that replicas run, as scrapr:1.0", field="image")
        return self


class NodesSettings(BaseModel):
    """Who makes machines for the cluster, how many, and when."""

    model_config = ConfigDict(frozen=True)

    provider: Literal["none", "command", "libcloud"] = Field(
        "none", description="who makes machines when the cluster is full: nobody, a program, or a cloud"
    )
    command: str = Field("", description="the program of the provider `command`, with its first arguments")
    within: float = Field(300.0, gt=0, description="seconds that the provider may take for one act")
    least: int = Field(0, ge=0, le=1000, description="machines that are kept though they idle")
    most: int = Field(
        3, ge=0, le=1000, description="machines at most; those that were there before do not count"
    )
    full: float = Field(
        20.0, ge=0, description="seconds that replicas must have waited for room before a machine is made"
    )
    pause: float = Field(60.0, ge=0, description="seconds between two decisions about machines")
    idle: float = Field(
        600.0, ge=0, description="seconds that a machine must have run nothing before it goes"
    )
    join: float = Field(
        300.0, gt=0, description="seconds after which a machine that has not joined is removed"
    )
    join_address: str = Field(
        "", description="where machines join, as 10.0.0.1:2377; empty: the first manager that is ready"
    )
    join_token: SecretStr = Field(
        SecretStr(""),
        description="the workers' join token; empty: the engine is asked, which a proxy refuses",
    )
    driver: str = Field("", description="libcloud's name of the cloud, as `hetzner` or `ec2`")
    key: SecretStr = Field(SecretStr(""), description="the key or user of the cloud's account")
    secret: SecretStr = Field(SecretStr(""), description="the secret or password of the cloud's account")
    size: str = Field("", description="id or name of the cloud's size of a machine")
    image: str = Field("", description="id or name of the cloud's image of a machine: one with cloud-init")
    region: str = Field("", description="the cloud's region; empty: the driver's own")
