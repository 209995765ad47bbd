"""How this process runs: each room's settings, read once. The only place that reads the environment.

A setting `<room>.<field>` is the environment variable `SCRAPR_<ROOM>_<FIELD>`, or a file of that name without
the prefix in /run/secrets (Docker secrets), as `mongo_url`. The environment wins.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import groupby
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from scrapr.client.settings import ClaimSettings, ClientSettings
from scrapr.discovery.settings import DiscoverySettings
from scrapr.embedded.settings import EmbeddedSettings
from scrapr.fetching.settings import FetchSettings
from scrapr.fleet.settings import FleetSettings, NodesSettings
from scrapr.model.errors import FieldError, Invalid
from scrapr.model.validation import allowed_at, path, wrong
from scrapr.roles.config.settings import ConfigSettings
from scrapr.roles.datasource.hooks.settings import WebhookSettings
from scrapr.roles.datasource.settings import DatasourceSettings
from scrapr.roles.endpoint.settings import EndpointSettings
from scrapr.roles.orchestrator.settings import OrchestratorSettings
from scrapr.roles.scraper.settings import ScraperSettings
from scrapr.runtime.settings import DrainSettings, LogSettings, WatchdogSettings
from scrapr.storage.settings import MongoSettings, RedisSettings
from scrapr.web.settings import OAuthSettings, WebSettings

PREFIX = "SCRAPR_"
SECRETS = Path("/run/secrets")
OF_THE_TESTS = "SCRAPR_REQUIRE"
"""Names the components that the tests must find; no setting, but it is passed on to what the tests start."""


class Settings(BaseSettings):
    """All settings of a process; a role reads its own part and those of the rooms that it uses."""

    model_config = SettingsConfigDict(
        frozen=True,
        env_prefix=PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        secrets_dir=SECRETS,
        secrets_dir_missing="ok",
        secrets_prefix="",
        extra="ignore",
    )

    web: WebSettings = Field(default_factory=WebSettings)
    oauth: OAuthSettings = Field(default_factory=OAuthSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    drain: DrainSettings = Field(default_factory=DrainSettings)
    watchdog: WatchdogSettings = Field(default_factory=WatchdogSettings)
    mongo: MongoSettings = Field(default_factory=MongoSettings)
    redis: RedisSettings = Field(default_factory=RedisSettings)
    discovery: DiscoverySettings = Field(default_factory=DiscoverySettings)
    client: ClientSettings = Field(default_factory=ClientSettings)
    claim: ClaimSettings = Field(default_factory=ClaimSettings)
    fetch: FetchSettings = Field(default_factory=FetchSettings)
    fleet: FleetSettings = Field(default_factory=FleetSettings)
    nodes: NodesSettings = Field(default_factory=NodesSettings)
    embedded: EmbeddedSettings = Field(default_factory=EmbeddedSettings)
    config: ConfigSettings = Field(default_factory=ConfigSettings)
    orchestrator: OrchestratorSettings = Field(default_factory=OrchestratorSettings)
    scraper: ScraperSettings = Field(default_factory=ScraperSettings)
    datasource: DatasourceSettings = Field(default_factory=DatasourceSettings)
    webhook: WebhookSettings = Field(default_factory=WebhookSettings)
    endpoint: EndpointSettings = Field(default_factory=EndpointSettings)

    @model_validator(mode="after")
    def _check_roles_token(self) -> Settings:
        if self.oauth.issuer and not self.web.token.get_secret_value():
            raise wrong(
                "is set, and roles have no token to write to each other with",
                allowed="set web.token",
                field="oauth.issuer",
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment before Docker secrets; plain `secrets_dir` would leave nested models empty."""
        secrets = NestedSecretsSettingsSource(file_secret_settings, secrets_prefix="")
        return init_settings, env_settings, secrets


def load(overrides: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process, `overrides` (by environment name) before the environment.

    The overrides enter the environment, so that children inherit them. Raises `Invalid` that names every wrong
    variable, unknown ones included.
    """
    os.environ.update(overrides or {})
    unknown = [
        _unknown(name) for name in sorted(os.environ) if name.startswith(PREFIX) and name not in names()
    ]
    if unknown:
        raise Invalid(*unknown)
    try:
        return Settings()
    except ValidationError as error:
        raise Invalid(*_wrong(error.errors(include_url=False))) from error


def inherited() -> dict[str, str]:
    """The settings that this process was given by its environment, for processes that it starts."""
    return {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}


def names() -> frozenset[str]:
    """The environment variables that are settings."""
    return frozenset(variable(room, field) for room, field, _ in fields()) | {OF_THE_TESTS}


def variable(room: str, field: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{room}_{field}".upper()


def fields() -> Iterator[tuple[str, str, Any]]:
    """Every setting: its room, its name, and pydantic's description of it."""
    for room, part in Settings.model_fields.items():
        kind = part.annotation
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            raise TypeError(f"{room} is no group of settings")
        for name, field in kind.model_fields.items():
            yield room, name, field


def show(settings: Settings) -> Iterator[tuple[str, str, bool]]:
    """Every setting as variable, value (secrets hidden) and whether it differs from its default."""
    for room, name, field in fields():
        value = getattr(getattr(settings, room), name)
        default = field.get_default(call_default_factory=True)
        hidden = isinstance(value, SecretStr) and bool(value.get_secret_value())
        yield variable(room, name), "**********" if hidden else _text(value), value != default


def _text(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def _unknown(name: str) -> FieldError:
    meant = get_close_matches(name.upper(), names() - {OF_THE_TESTS}, n=1)
    return FieldError(
        field=name,
        problem="is not a setting" + (f"; did you mean {meant[0]}?" if meant else ""),
        allowed="the variables that `scrapr settings` lists",
    )


def _wrong(errors: Iterable[Any]) -> Iterator[FieldError]:
    """Each wrong variable once, however many of its parts are wrong in however many ways."""
    schema = Settings.model_json_schema()
    for name, group in groupby(errors, key=lambda details: _variable_of(_places(details))):
        found = tuple(group)
        context = found[0].get("ctx", {})
        if found[0]["type"] == "wrong":
            yield FieldError(field=name, problem=context["problem"], allowed=context["allowed"])
            continue
        allowed = allowed_at(schema, found[0]["loc"][:2])
        yield FieldError(field=name, problem=_problem(found, allowed), allowed=allowed)


def _problem(found: Sequence[Any], allowed: str | None) -> str:
    values = ", ".join(dict.fromkeys(f'"{details["input"]}"' for details in found))
    own = found[0]["type"].endswith(("value_error", "assertion_error")) or allowed is None
    return f"{values}: {found[0]['msg'].lower()}" if own else f"is wrong: {values}"


def _places(details: Any) -> tuple[Any, ...]:
    return (*details["loc"], *filter(None, details.get("ctx", {}).get("field", "").split(".")))


def _variable_of(places: tuple[Any, ...]) -> str:
    return variable(*places[:2]) if len(places) >= 2 else path(places)
