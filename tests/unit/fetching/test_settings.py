"""The settings are read as people write them, and each is documented."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from scrapr import __version__
from scrapr.fetching import errors
from scrapr.fetching.client import OPTIONS_KEPT, Client
from scrapr.fetching.settings import FetchSettings
from scrapr.model.asking import Asking
from scrapr.model.fetch import FetchOptions

DOCS = Path(__file__).parents[3] / "docs" / "fetching.md"


def test_networks_are_read_from_a_list_and_from_text() -> None:
    expected = (ip_network("127.0.0.0/8"), ip_network("fd00::/8"), ip_network("10.1.2.3"))
    assert FetchSettings(allow="127.0.0.0/8, fd00::/8,10.1.2.3,").allow == expected  # as text
    assert FetchSettings(allow=["127.0.0.0/8", "fd00::/8", "10.1.2.3"]).allow == expected
    assert FetchSettings(allow="").allow == ()  # as in an empty variable
    assert FetchSettings(ports="80,8000").ports == (80, 8000)  # as text


@pytest.mark.parametrize("allow", ["10.1.2.3/8", "localhost", "all", "10.0.0.0/8;fd00::/8", "300.1.1.1"])
def test_what_is_no_network_is_refused(allow: str) -> None:
    with pytest.raises(ValidationError):
        FetchSettings(allow=allow)  # as text


@pytest.mark.parametrize("user_agent", ["", "x", "a\r\nHost: b", "1.0", "ü/1", "a" * 600])
def test_a_user_agent_that_no_header_can_hold_is_refused(user_agent: str) -> None:
    with pytest.raises(ValidationError):
        FetchSettings(user_agent=user_agent)


def test_nothing_private_is_allowed_and_robots_are_obeyed_unless_said_otherwise() -> None:
    settings = FetchSettings()
    assert settings.allow == ()
    assert settings.robots
    assert settings.pace > 0
    assert settings.body_limit == 10_000_000
    assert settings.redirects == 5
    assert settings.agent.startswith("scrapr/")


def test_a_contact_is_stated_with_the_user_agent() -> None:
    assert (
        FetchSettings(user_agent="x/1", contact="https://x.example/bot").agent
        == "x/1 (+https://x.example/bot)"
    )
    for contact in ("a b", "a)", "a\nb", "ü@x"):
        with pytest.raises(ValidationError):
            FetchSettings(contact=contact)


def test_options_change_what_they_name_alone() -> None:
    settings = FetchSettings(pace=2, retries=1)
    changed = settings.with_options(FetchOptions(robots=False, pace=0))
    assert (changed.robots, changed.pace, changed.retries) == (False, 0, 1)
    assert settings.with_options(None) is settings


def test_options_are_settings_but_for_what_is_sent_and_none_of_them_is_about_safety() -> None:
    own = FetchOptions.model_fields.keys() - Asking.model_fields.keys() - {"render"}
    assert own <= FetchSettings.model_fields.keys()
    assert not Asking.model_fields.keys() & FetchSettings.model_fields.keys()
    safety = {
        "allow",
        "ports",
        "ca_file",
        "body_limit",
        "header_limit",
        "header_count",
        "redirects",
        "connections",
        "secrets",
    }
    assert not safety & FetchOptions.model_fields.keys()


@pytest.mark.parametrize("model", [FetchSettings, FetchOptions])
def test_each_setting_has_a_description(model: type[FetchSettings | FetchOptions]) -> None:
    assert all(field.description for field in model.model_fields.values())


def shown(value: object) -> str:
    """A default as the documentation writes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else f"{value:g}"
    return (", ".join(map(str, value)) if isinstance(value, tuple) else str(value or "")) or "none"


@pytest.mark.parametrize("name", FetchSettings.model_fields)
def test_each_setting_is_documented_as_it_is(name: str) -> None:
    field = FetchSettings.model_fields[name]
    default = shown(field.default).replace(f"/{__version__}", "/<version>")
    option = "yes" if name in FetchOptions.model_fields else ""
    assert f"| `{name}` | {default} | {option} | {field.description} |" in DOCS.read_text().splitlines()


@pytest.mark.parametrize("reason", [*get_args(errors.Refusal), *get_args(errors.Fault)])
def test_each_reason_of_a_failure_is_documented(reason: str) -> None:
    assert f"| `{reason}` |" in DOCS.read_text()


def test_the_options_of_a_configuration_are_settled_once_and_those_of_others_are_not_mixed_up() -> None:
    client = Client(FetchSettings())
    all_options = [FetchOptions(pace=pace) for pace in range(OPTIONS_KEPT + 5)]
    settled = [client.settings_for(options) for options in all_options]
    assert [each.pace for each in settled] == list(range(OPTIONS_KEPT + 5))
    assert client.settings_for(all_options[-1]) is settled[-1]
    assert client.settings_for(all_options[0]) == settled[0]
    assert client.settings_for(None) == FetchSettings()
