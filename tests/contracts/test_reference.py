"""What the documents say is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs import reference
from scrapr import settings
from scrapr.bootstrap.whole import LOCAL_DRAIN
from scrapr.embedded.settings import StopDeadlines
from scrapr.fleet.settings import FleetSettings
from scrapr.runtime.settings import DrainSettings

ROOT = Path(__file__).parents[2]


def test_every_setting_is_documented_with_its_default() -> None:
    assert (ROOT / "docs/settings.md").read_text() == reference.settings_page()


def test_every_setting_says_what_it_is() -> None:
    silent = [
        settings.variable(room, name) for room, name, field in settings.fields() if not field.description
    ]
    assert not silent


def test_every_command_is_documented() -> None:
    assert (ROOT / "docs/cli.md").read_text() == reference.cli_page()


def test_every_command_of_the_readme_exists() -> None:
    named = set(
        re.findall(r"^(?:\.venv/bin/)?scrapr ([a-z]+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    )
    documented = set(re.findall(r"^## scrapr ([a-z]+)", reference.cli_page(), re.MULTILINE))
    assert named <= documented


def test_a_replica_that_drains_is_not_killed_before_its_deadlines_have_passed() -> None:
    assert DrainSettings().total < FleetSettings().grace


def test_everything_on_one_machine_is_gone_within_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in LOCAL_DRAIN.items():
        monkeypatch.setenv(name, value)
    assert StopDeadlines().total <= 10
    drain = settings.load().drain
    assert drain.total < StopDeadlines().pools


def test_every_link_between_the_documents_leads_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), (page, target)
