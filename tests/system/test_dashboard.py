"""The dashboard in a real Chromium: what it shows, to whom, and what it never runs."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.system.conftest import PATIENCE, Site
from tests.system.machine import Machine, wait_for

HOSTILE = '&lt;img src=x onerror="window.hacked = 1"&gt;'
PAGE = f"<ul><li><h3>Lamp</h3></li><li><h3>{HOSTILE}</h3></li></ul>"


def draft(collection: str, source: str) -> dict[str, Any]:
    scraper = {"source": source, "scope": "li", "selector": [{"title": "h3"}]}
    return {"type": "scraper", "collection": collection, "ttl": 3600, "scraper": scraper}


@pytest.fixture
def collections(machine: Machine, site: Site) -> None:
    """One configuration that is healthy and one that is broken."""
    for collection, page in (("lamps", PAGE), ("barren", "<p>no list</p>")):
        added = machine.post("config", "/v1/configurations", draft(collection, site(f"/{collection}", page)))
        path = f"/v1/states/{added.json()['id']}"
        wait_for(
            lambda path=path: machine.get("datasource", path).json().get("state") in {"healthy", "broken"}, 60
        )


def show(browser: Any, machine: Machine, path: str, **how: Any) -> Any:
    page = browser.new_page(**how)
    page.told = []
    page.on("console", lambda message: page.told.append(message.text))
    page.on("pageerror", lambda error: page.told.append(str(error)))
    page.on(
        "request",
        lambda request: (
            page.told.append(request.url)
            if machine.url("orchestrator") not in request.url and not request.url.startswith("data:")
            else None
        ),
    )
    page.goto(machine.url("orchestrator") + path, timeout=PATIENCE)
    page.wait_for_selector("table", timeout=PATIENCE)
    return page


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("collections")
def test_the_dashboard_shows_how_things_are_on_desks_and_phones(browser: Any, machine: Machine) -> None:
    page = show(browser, machine, "/ui/")
    attention = page.locator("table", has=page.locator("caption", has_text="Needs attention"))
    attention.get_by_text("barren", exact=True).wait_for(timeout=PATIENCE)
    assert "broken" in attention.inner_text()
    assert "No items" in attention.inner_text()
    configurations = page.locator("table", has=page.locator("caption", has_text="Configurations"))
    row = configurations.locator("tr", has_text="lamps").first
    assert re.search(r"healthy for \d+ s", row.inner_text())
    assert "scraper-default-0" in row.inner_text()
    assert "endpoint-default-0" in page.locator("main").inner_text()
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("table:not(:has(caption)), th:not([scope])").count() == 0

    page.get_by_role("link", name="lamps").first.click()
    page.get_by_role("heading", name="lamps").wait_for(timeout=PATIENCE)
    page.get_by_text("window.hacked").first.wait_for(timeout=PATIENCE)
    assert page.evaluate("window.hacked") is None
    assert page.title() == "lamps · scrapr"
    page.get_by_role("link", name="← Overview").click()
    page.get_by_role("heading", name="Overview").wait_for(timeout=PATIENCE)
    assert page.told == []
    page.close()

    ground = set()
    for scheme in ("light", "dark"):
        phone = show(browser, machine, "/ui/", viewport={"width": 390, "height": 844}, color_scheme=scheme)
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390
        ground.add(phone.evaluate("getComputedStyle(document.body).backgroundColor"))
        phone.close()
    assert len(ground) == 2


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("collections")
def test_who_skips_to_the_content_stays_on_the_page(browser: Any, machine: Machine) -> None:
    page = show(browser, machine, "/ui/#/collections/lamps")
    page.get_by_role("heading", name="lamps").wait_for(timeout=PATIENCE)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    with page.expect_response("**/v1/overview/**", timeout=PATIENCE) as looked:
        pass
    assert looked.value.url.endswith("/collections/lamps")
    assert page.told == []
    page.close()


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("collections")
def test_a_collection_that_is_not_there_is_told_so_and_not_what_was_shown_before(
    browser: Any, machine: Machine
) -> None:
    page = show(browser, machine, "/ui/")
    page.evaluate("location.hash = '#/collections/nobody-knows'")
    page.get_by_role("heading", name="Not here").wait_for(timeout=PATIENCE)
    assert page.locator("table").count() == 0
    assert "old" not in page.locator("#contact").inner_text()
    page.evaluate("location.hash = '#/collections/%'")
    page.get_by_role("heading", name="%").wait_for(timeout=PATIENCE)
    page.get_by_role("link", name="← Overview").click()
    page.get_by_role("heading", name="Overview").wait_for(timeout=PATIENCE)
    page.close()


def test_its_files_are_ours_alone_and_known_by_their_tags(machine: Machine) -> None:
    page = machine.get("orchestrator", "/ui/")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert machine.get("orchestrator", "/ui").headers["Location"] == "/ui/"
    missing = machine.get("orchestrator", "/ui/secrets.txt")
    assert (missing.status_code, missing.headers["Content-Type"]) == (404, "application/problem+json")
    assert machine.get("orchestrator", "/v1/overview/collections/nobody-knows").status_code == 404
