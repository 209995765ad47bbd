"""What looks at the stack speaks of metrics and services that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # it comes with another package, without its types

from scrapr.bootstrap.table import ROLES

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
BOARDS = sorted((DEPLOY / "grafana").glob("*.json"))
KNOWN = set(re.findall(r"^\| `(scrapr_\w+)`", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE))


@pytest.mark.parametrize("board", BOARDS, ids=lambda path: path.stem)
def test_a_dashboard_asks_for_metrics_that_exist(board: Path) -> None:
    queries = [
        target["expr"] for panel in json.loads(board.read_text())["panels"] for target in panel["targets"]
    ]
    asked = {name.removesuffix("_bucket") for query in queries for name in re.findall(r"scrapr_\w+", query)}
    assert asked
    assert asked <= KNOWN


def test_prometheus_finds_every_role_by_consul() -> None:
    [job] = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["scrape_configs"]
    assert [set(each["services"]) for each in job["consul_sd_configs"]] == [set(ROLES)] * 3


def test_the_second_file_fits_to_the_first() -> None:
    stack, second = (yaml.safe_load((DEPLOY / name).read_text()) for name in ("stack.yml", "observe.yml"))
    assert not set(stack["services"]) & set(second["services"])
    secrets = set(stack["secrets"]) | set(second["secrets"])
    for service in second["services"].values():
        assert service["deploy"]["endpoint_mode"] == "dnsrr"
        assert {port["mode"] for port in service["ports"]} == {"host"}
        wanted = {each if isinstance(each, str) else each["source"] for each in service.get("secrets", ())}
        assert wanted <= secrets
        assert {each["source"] for each in service.get("configs", ())} <= set(second["configs"])
    for config in second["configs"].values():
        assert (DEPLOY / config["file"]).exists()
    for secret in second["secrets"].values():
        assert Path(secret["file"]).name in (DEPLOY / "secrets.sh").read_text()
