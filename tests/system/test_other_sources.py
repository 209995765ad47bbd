"""JSON, feeds and sitemaps become collections as pages do."""

from __future__ import annotations

import http.server
import json
from typing import Any

from tests.system.conftest import serving
from tests.system.machine import Machine, wait_for

FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>
<item><title>One &amp; only</title><link>http://127.0.0.1/1</link></item>
<item><title><![CDATA[Two <b>]]></title><link>http://127.0.0.1/2</link></item></channel></rss>"""
PAGES = {
    "/api?page=1": (
        "application/json",
        json.dumps({"results": [{"name": "a", "price": 1}], "next": "/api?page=2"}),
    ),
    "/api?page=2": ("application/json", json.dumps({"results": [{"name": "b", "price": 2.5}], "next": None})),
    "/feed": ("application/rss+xml", FEED),
}


class Sources(http.server.BaseHTTPRequestHandler):
    """Answers `PAGES`."""

    def do_GET(self) -> None:
        kind, text = PAGES.get(self.path, ("text/plain", ""))
        self.send_response(200 if text else 404)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def scrape(
    machine: Machine, collection: str, scraper: dict[str, Any], key: str, count: int
) -> list[dict[str, Any]]:
    """The items of a source, without their times."""
    body = {"type": "scraper", "collection": collection, "key": [key], "scraper": scraper, "ttl": 300}
    answer = machine.post("config", "/v1/configurations", body)
    assert answer.status_code == 201, answer.text
    wait_for(lambda: len(machine.items(collection)) == count)
    return [{k: v for k, v in item.items() if k != "timestamp"} for item in machine.items(collection)]


def test_a_json_api_is_scraped_page_by_page(machine: Machine) -> None:
    with serving(Sources) as base:
        scraper = {
            "source": f"{base}/api?page=1",
            "scope": "$.results[*]",
            "selector": [{"name": "$.name", "price": "$.price"}],
            "paginate": "$.next",
        }
        assert scrape(machine, "api", scraper, "name", 2) == [
            {"name": "a", "price": 1},
            {"name": "b", "price": 2.5},
        ]


def test_a_feed_is_scraped(machine: Machine) -> None:
    with serving(Sources) as base:
        scraper = {
            "source": f"{base}/feed",
            "scope": "item",
            "selector": [{"title": "title", "link": "link"}],
        }
        assert scrape(machine, "feed", scraper, "title", 2) == [
            {"title": "One & only", "link": "http://127.0.0.1/1"},
            {"title": "Two <b>", "link": "http://127.0.0.1/2"},
        ]
