"""Pages that nobody here wrote: two documentation sets, scraped whole and compared with what lxml finds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import lxml.html

from tests.components import require
from tests.system.conftest import serving_folder
from tests.system.machine import Machine, wait_for

POSTGRESQL = Path("/usr/share/doc/postgresql-doc-15/html")
PYTHON = Path("/usr/share/doc/python3.11/html")
NEXT = "link[rel=next]@href"


def require_pages(component: str, folder: Path) -> None:
    """Go on if the documentation set is installed."""
    require(component, None if folder.is_dir() else f"{folder} is not there")


@contextmanager
def pages(folder: Path, first: str, limit: int) -> Iterator[tuple[str, list[Any]]]:
    """The folder served, and its first `limit` pages as lxml reads them, following their own links."""
    with serving_folder(folder) as base:
        url = f"{base}/{first}"
        found: list[Any] = []
        while url and len(found) < limit:
            parser = lxml.html.HTMLParser(encoding="utf-8")
            page = lxml.html.parse(str(folder / url.removeprefix(base + "/")), parser).getroot()
            page.make_links_absolute(url)
            found.append(page)
            links = page.cssselect("link[rel=next]")
            url = urljoin(url, links[0].get("href")) if links else ""
        yield f"{base}/{first}", found


def text(elements: list[Any]) -> str:
    """The text of the first element, as X-Ray gives it: empty where there is none."""
    return str(elements[0].text_content()) if elements else ""


def scrape(
    machine: Machine, configuration: dict[str, Any], records: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Post a configuration; its finished run and the collection's items, without their times."""
    answer = machine.post("config", "/v1/configurations", configuration)
    assert answer.status_code == 201, answer.text
    run = machine.wait_for_run(answer.json()["id"], seconds=100)
    collection = configuration["collection"]
    wait_for(lambda: len(machine.items(collection)) >= records, 30)
    return run, [{k: v for k, v in item.items() if k != "timestamp"} for item in machine.items(collection)]


def test_the_documentation_of_postgresql_is_followed_over_more_than_three_hundred_pages(
    machine: Machine,
) -> None:
    require_pages("postgresql-doc", POSTGRESQL)
    limit = 320
    with pages(POSTGRESQL, "index.html", limit) as (source, read):
        expected = [
            {
                "title": text(page.cssselect("title")),
                "previous": next((link.get("href") for link in page.cssselect("link[rel=prev]")), None),
                "heading": text(page.cssselect("h1, h2.title")),
                "sections": [str(each.text_content()) for each in page.cssselect("h3.title")],
                "links": [each.get("href") for each in page.cssselect("div.toc a[href]")],
            }
            for page in read
        ]
        selector = {
            "title": "title",
            "previous": "link[rel=prev]@href",
            "heading": "h1, h2.title",
            "sections": ["h3.title"],
            "links": ["div.toc a[href]@href"],
        }
        configuration = {
            "type": "scraper",
            "collection": "postgresql",
            "key": ["title", "previous"],
            "collect": {},
            "scraper": {
                "source": source,
                "scope": "html",
                "selector": [selector],
                "paginate": NEXT,
                "limit": limit,
            },
            "ttl": 3600,
        }
        # The first page has no previous one, and an item without a part of its key is kept aside.
        run, items = scrape(machine, configuration, limit - 1)
    assert (run["outcome"], run["pages"], run["items"]) == ("complete", limit, limit)
    assert items == expected[1:]


def test_the_functions_of_python_are_found_as_lxml_finds_them(machine: Machine) -> None:
    require_pages("python-doc", PYTHON)
    limit = 120
    with pages(PYTHON, "library/functions.html", limit) as (source, read):
        by_identity: dict[str, dict[str, Any]] = {}
        for page in read:
            for term in page.cssselect("dl.py > dt.sig[id]"):
                names = [str(each.text_content()) for each in term.cssselect("span.sig-name, code.sig-name")]
                links = term.cssselect("a.headerlink")
                by_identity[term.get("id")] = {
                    "identity": term.get("id"),
                    "name": names[0] if names else "",
                    "link": links[0].get("href") if links else None,
                    "parameters": [str(each.text_content()) for each in term.cssselect("em.sig-param")],
                }
        selector = {
            "identity": "@id",
            "name": "span.sig-name, code.sig-name",
            "link": "a.headerlink@href",
            "parameters": ["em.sig-param"],
        }
        configuration = {
            "type": "scraper",
            "collection": "python",
            "key": ["identity"],
            "collect": {},
            "scraper": {
                "source": source,
                "scope": "dl.py > dt.sig[id]",
                "selector": [selector],
                "paginate": NEXT,
                "limit": limit,
            },
            "ttl": 3600,
        }
        assert len(by_identity) > 1000
        run, items = scrape(machine, configuration, len(by_identity))
    assert run["outcome"] == "complete"
    assert {item["identity"]: item for item in items} == by_identity
