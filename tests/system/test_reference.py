"""What the documents say of routes and metrics is what the running roles say."""

from __future__ import annotations

from pathlib import Path

from docs import reference
from tests.system.machine import ROLES, Machine

ROOT = Path(__file__).parents[2]


def test_every_route_is_documented(machine: Machine) -> None:
    documents = {role: machine.get(role, "/openapi.json").json() for role in ROLES}
    assert (ROOT / "docs/api.md").read_text() == reference.api_page(documents)


def test_every_metric_is_documented(machine: Machine) -> None:
    texts = {role: machine.get(role, "/metrics").text for role in ROLES}
    assert (ROOT / "docs/metrics.md").read_text() == reference.metrics_page(texts)
