"""Each folder beside this file is a site: a page, a configuration, and the items it gives."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from scrapr.extraction.extract import extract
from scrapr.extraction.rules import compile_rules

SITES = sorted(path.parent for path in Path(__file__).parent.glob("*/configuration.json"))


@pytest.mark.parametrize("site", SITES, ids=[site.name for site in SITES])
def test_the_page_gives_its_items(site: Path) -> None:
    scraper = orjson.loads((site / "configuration.json").read_bytes())["scraper"]
    expected = orjson.loads((site / "items.json").read_bytes())
    rules = compile_rules(scraper["selector"], scope=scraper.get("scope"), paginate=scraper.get("paginate"))
    (page,) = site.glob("page.*")
    found = extract(rules, page.read_text(), scraper["source"])
    assert {"items": found.items, "next": found.next_url} == expected
