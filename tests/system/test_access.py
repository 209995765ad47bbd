"""A whole machine whose data is private, and a real OpenID provider that says who may see it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.openid import AUDIENCE, provider
from tests.system.conftest import PATIENCE, Site
from tests.system.machine import running, wait_for

TOKEN = "of-the-roles"
PAGE = "<ul><li><h3>Lamp</h3></li></ul>"


@pytest.mark.timeout(300)
def test_a_private_machine_is_used_with_tokens_alone(
    request: pytest.FixtureRequest, tmp_path: Path, site: Site, free_port: Callable[[], int], browser: Any
) -> None:
    scraper = {"source": site("/", PAGE), "scope": "li", "selector": [{"title": "h3"}]}
    draft = {"type": "scraper", "collection": "lamps", "ttl": 3600, "scraper": scraper}
    with provider(request.config, free_port()) as openid:
        reader, writer = (openid.token(f"scrapr:{what}") for what in ("read", "write"))
        with running(
            tmp_path / "data",
            SCRAPR_WEB_TOKEN=TOKEN,
            SCRAPR_WEB_PRIVATE="true",
            SCRAPR_OAUTH_ISSUER=openid.url,
            SCRAPR_OAUTH_AUDIENCE=AUDIENCE,
        ) as machine:

            def ask(role: str, path: str, token: str | None, **how: Any) -> httpx.Response:
                headers = {} if token is None else {"Authorization": f"Bearer {token}"}
                method = "POST" if "json" in how else "GET"
                return httpx.request(method, machine.url(role) + path, headers=headers, timeout=30, **how)

            assert ask("config", "/v1/configurations", None, json=draft).status_code == 401
            assert ask("config", "/v1/configurations", reader, json=draft).status_code == 403
            assert ask("config", "/v1/configurations", writer, json=draft).status_code == 201
            path = "/v1/collections/lamps/items"
            wait_for(lambda: ask("endpoint", path, reader).json().get("total"))
            told = ask("endpoint", path, reader)
            assert [each["title"] for each in told.json()["items"]] == ["Lamp"]
            assert told.headers["Cache-Control"].startswith("private")
            for role, guarded in (
                ("endpoint", path),
                ("endpoint", "/items"),
                ("config", "/v1/configurations"),
                ("datasource", "/v1/collections/lamps"),
                ("orchestrator", "/v1/overview"),
            ):
                assert ask(role, guarded, None).status_code == 401, (role, guarded)
                assert ask(role, guarded, TOKEN).status_code == 200, (role, guarded)
            assert "Lamp" in machine.scrapr("items", "lamps").stdout
            assert machine.scrapr("status").returncode == 0
            page = browser.new_page()
            page.goto(f"{machine.url('orchestrator')}/ui/", timeout=PATIENCE)
            page.get_by_label("Token").fill(reader, timeout=PATIENCE)
            page.get_by_role("button", name="Show").click()
            page.get_by_text("lamps").first.wait_for(timeout=PATIENCE)
            assert not page.get_by_label("Token").is_visible()
