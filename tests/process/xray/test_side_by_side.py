"""The real x-ray (npm) and scrapr on the same real pages, value by value."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson
import pytest

from scrapr.extraction.extract import extract
from scrapr.extraction.rules import Rules, compile_rules
from tests.components import require
from tests.npm import install

HERE = Path(__file__).parent
ROOTS = {
    "python": Path("/usr/share/doc/python3.11/html"),
    "postgresql": Path("/usr/share/doc/postgresql-doc-15/html"),
}
PAGES_OF_EACH = 160
SIZES = range(2_000, 45_000)

CONFIGURATIONS: list[dict[str, Any]] = [
    {"selector": "title"},
    {"selector": ["a@href"]},
    {"selector": ["link@href"]},
    {"scope": "div[id], section[id]", "selector": [{"id": "@id", "heading": "h1, h2, h3", "links": ["a"]}]},
    {"scope": "dl > dt", "selector": [{"term": "code | trim", "id": "@id", "anchor": "a@href"}]},
    {"scope": "ul", "selector": [["li > a, li > p"]]},
    {"scope": "tr", "selector": [{"first": "td:first-child | trim", "rest": ["td + td"]}]},
    {"selector": {"heading": "h1 | trim | upper", "next": "link[rel=next]@href", "icon": "img@src"}},
    {
        "selector": {
            "title": "title",
            "toc": {"$scope": "li", "$select": [{"text": "a", "link": "a@href", "class": "a@class"}]},
            "code": {"$scope": "p", "$select": ["code:not(:first-child)"]},
        }
    },
    {"scope": "p:contains(the)", "selector": ["a[href$='.html']@href"]},
    {"scope": "div div", "selector": {"all": ["span:nth-child(2)"], "one": "p ~ p", "own": "@class"}},
    {"scope": "section:has(> h2), div:has(> h3)", "selector": [{"parts": [{"no": "b"}], "p": ["> p"]}]},
    {"scope": "h1, h2", "selector": [{"text": "@text"}], "paginate": "link[rel=next]@href", "limit": 3},
]

EXCEPTIONS = {
    "python/distributing/index.html": "white space before https:// is no part of a link, as in browsers",
    "postgresql/infoschema-domains.html": "<a/> within <a> is another link in HTML5, and its text stands there",
}
"""Pages that may differ, and why; docs/selectors.md says so in general."""


@pytest.fixture(scope="session")
def xray(request: pytest.FixtureRequest) -> Path:
    """A folder with the x-ray of package-lock.json."""
    return install(request.config, HERE)


@pytest.fixture(scope="session")
def pages() -> list[str]:
    """Addresses of pages, spread evenly over both sets, neither tiny nor huge."""
    chosen = []
    for name, root in ROOTS.items():
        if not root.is_dir():
            require("node", f"{root} is missing")
        found = sorted(path for path in root.rglob("*.html") if path.stat().st_size in SIZES)
        step = max(1, len(found) // PAGES_OF_EACH)
        chosen += [address(f"{name}/{path.relative_to(root)}") for path in found[::step][:PAGES_OF_EACH]]
    return chosen


def address(path: str) -> str:
    """Where a page would be; nothing is fetched from there."""
    return f"http://docs.example/{path}"


def read(url: str) -> str:
    """The page at an address, from disk."""
    _, name, rest = unquote(urlsplit(url).path).split("/", 2)
    return (ROOTS[name] / rest).read_text("utf-8", "replace")


def ours(rules: Rules, url: str, limit: int) -> Any:
    """What scrapr gives for a configuration, over as many pages as it has."""
    extraction = extract(rules, read(url), url)
    if rules.next_link is None:
        return extraction.value
    values: list[Any] = []
    seen = {url}
    while True:
        values += extraction.value if isinstance(extraction.value, list) else [extraction.value]
        following = extraction.next_url
        if following is None or following in seen or len(seen) >= limit:
            return values
        seen.add(following)
        extraction = extract(rules, read(following), following)


def leaves(value: Any) -> int:
    """How many texts, numbers and nulls a value holds."""
    if isinstance(value, dict | list):
        return sum(map(leaves, value.values() if isinstance(value, dict) else value))
    return 1


@dataclass
class Tally:
    """What was compared, and where it differs."""

    configurations: int = 0
    values: int = 0
    differences: list[str] = field(default_factory=list)

    def note(self, configuration: dict[str, Any], url: str, expected: Any, found: Any) -> None:
        self.configurations += 1
        self.values += leaves(expected)
        if expected != found:
            told, got = (
                orjson.dumps(each, option=orjson.OPT_SORT_KEYS).decode() for each in (expected, found)
            )
            at = next((n for n, pair in enumerate(zip(told, got, strict=False)) if len(set(pair)) > 1), 0)
            near = slice(max(0, at - 60), at + 100)
            self.differences.append(
                f"{url}\n  {configuration}\n  x-ray  …{told[near]}…\n  scrapr …{got[near]}…"
            )


def answers(xray: Path, cases: Path) -> Iterator[Any]:
    """What x-ray gives, page by page."""
    command = ["node", str(HERE / "side.js"), str(cases)]
    with subprocess.Popen(command, cwd=xray, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield orjson.loads(line)
    assert process.returncode == 0


@pytest.mark.timeout(180)
def test_real_pages_give_what_the_real_x_ray_gives(xray: Path, pages: list[str], tmp_path: Path) -> None:
    cases = tmp_path / "cases.json"
    roots = {name: str(root) for name, root in ROOTS.items()}
    cases.write_bytes(orjson.dumps({"roots": roots, "configurations": CONFIGURATIONS, "pages": pages}))
    compiled = [
        compile_rules(each["selector"], scope=each.get("scope"), paginate=each.get("paginate"))
        for each in CONFIGURATIONS
    ]
    tally = Tally()
    for url, told in zip(pages, answers(xray, cases), strict=True):
        for configuration, rules, answer in zip(CONFIGURATIONS, compiled, told, strict=True):
            found = {"value": ours(rules, url, configuration.get("limit", 1))}
            tally.note(configuration, url, answer, found)
    assert len(pages) >= 300
    assert tally.values > 50_000
    differences = [each for each in tally.differences if not each.startswith(tuple(map(address, EXCEPTIONS)))]
    assert not differences, f"{len(differences)} differ:\n" + "\n".join(differences[:10])
