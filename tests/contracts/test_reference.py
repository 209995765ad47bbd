"""What the documents say is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from docs import reference
from scrapr import settings
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


def test_a_role_is_gone_before_the_machine_loses_patience() -> None:
    assert DrainSettings().total < 10


def test_every_link_between_the_documents_leads_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), (page, target)
