"""`scrapr try` and `scrapr infer` as a user runs them, on files, standard input and a site on loopback."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

SITES = Path(__file__).parents[2] / "pages"
PAGE = """<meta charset="iso-8859-1"><ul><li><a href="/1">Caf\xe9</a> <b>12,50</b></li>
<li><a href="/2">Bar</a> <b>cheap</b></li></ul><a rel="next" href="?p=2">more</a>"""
PAGES = {
    "/list": '<ul><li><a href="/1">One</a></li><li><a href="/2">Two</a></li></ul><a rel="next" href="/more">',
    "/more": '<ul><li><a href="/1">Three</a></li></ul><a rel="next" href="/list">',
    "/1": "<h1>First</h1>",
    "/short": '<ul><li>One</li></ul><a rel="next" href="/gone">',
    "/towns": "<table>"
    + "".join(f"<tr><td>{n > 1}</td><td><a href='/{n}'>Town {n}</a></td></tr>" for n in range(4))
    + "</table>",
    "/shop": "".join(f'<div class="card"><h2>Lamp {n}</h2><b>{n},50 €</b></div>' for n in range(3)),
}


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.html"
    path.write_bytes(PAGE.encode("iso-8859-1"))
    return path


@pytest.fixture
async def site() -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/api":
            return web.json_response({"items": [{"n": 1}, {"n": 2}], "next": None})
        if request.path not in PAGES:
            raise web.HTTPNotFound
        return web.Response(text=PAGES[request.path], content_type="text/html")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("")).rstrip("/")


def run(*arguments: str, text: bytes = b"", name: str = "try") -> subprocess.CompletedProcess[str]:
    """Run the command; `SCRAPR_FETCH_ALLOW` lets it speak to loopback."""
    environment = {"SCRAPR_FETCH_ALLOW": "127.0.0.0/8", "SCRAPR_FETCH_PACE": "0", "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "scrapr", name, *arguments]
    done = subprocess.run(command, input=text, capture_output=True, env=environment, timeout=60, check=False)
    return subprocess.CompletedProcess(
        command, done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")
    )


def value(*arguments: str, text: bytes = b"") -> Any:
    """What it prints with `--json`, and nothing but that."""
    done = run(*arguments, "--json", text=text)
    assert (done.returncode, done.stderr) == (0, "")
    return orjson.loads(done.stdout)


def test_a_file_is_shown_with_counts_warnings_and_its_charset(page: Path) -> None:
    options = ["--scope", "li", "--select", "name=a", "--select", "price=b | number:de", "--select", "x=i"]
    done = run(str(page), *options, "--paginate", "a[rel=next]@href")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "name\tprice",
        "Café\t12.5",
        "Bar\t",
        "",
        "selector\tmatched",
        "scope\t2",
        "name\t2",
        "price\t2",
        "x\t0",
        "paginate\t1",
        "",
        "2 items on 1 page",
        "next link: none",
    ]
    assert done.stderr.splitlines() == [
        "warning: x matched nothing",
        "warning: price is empty in 1 of 2 items",
        "warning: price: 1 value could not be converted",
    ]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ('"li a"', "Café"),
        ('"i"', ""),
        ('"i@title"', None),
        ('["li a@href"]', ["/1", "/2"]),
        ('{"first": "b | number:de", "all": ["a"]}', {"first": 12.5, "all": ["Café", "Bar", "more"]}),
    ],
)
def test_json_is_the_value_alone_whatever_its_shape(page: Path, selector: str, expected: Any) -> None:
    assert value(str(page), "--selector", selector) == expected


def test_standard_input_may_be_json_or_a_feed() -> None:
    assert value("-", "--selector", '["$..a"]', text=b'[{"a": 1}, {"a": "\xc3\xa9"}]') == [1, "é"]
    feed = '<?xml version="1.0" encoding="iso-8859-1"?><rss><item><link>é</link></item></rss>'.encode(
        "latin-1"
    )
    assert value("-", "--scope", "item", "--select", "link=link", text=feed) == [{"link": "é"}]


def test_selectors_that_look_copied_are_warned_of(page: Path) -> None:
    copied = "body > div:nth-child(2) > ul > li:nth-child(1)"
    done = run(str(page), "--select", f"a={copied}", "--select", "b=table > tbody > tr")
    warnings = [line for line in done.stderr.splitlines() if "copied" in line]
    assert [line.split()[1] for line in warnings] == ["a", "b"]


async def test_pages_and_followed_links_are_fetched(site: str) -> None:
    item = '[{"t": "a", "page": {"$follow": "a@href", "$select": {"h": "h1"}}}]'
    arguments = [
        f"{site}/list",
        "--scope",
        "li",
        "--selector",
        item,
        "--paginate",
        "a[rel=next]@href",
        "--limit",
        "9",
    ]
    first = {"h": "First"}
    assert await asyncio.to_thread(value, *arguments) == [
        {"t": "One", "page": first},
        {"t": "Two", "page": {}},
        {"t": "Three", "page": first},
    ]
    shown = await asyncio.to_thread(run, *arguments)
    assert "3 items on 2 pages" in shown.stdout
    numbers = await asyncio.to_thread(value, f"{site}/api", "--scope", "$.items[*]", "--select", "n=$.n")
    assert numbers == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["/no/such/file", "--select", "a=b"], 2, "/no/such/file: No such file"),
        (["-"], 2, "Either --selector or --select"),
        (["-", "--selector", "{"], 2, "scrapr: --selector is not JSON"),
        (["-", "--select", "a=b", "--select", "a=i"], 2, "scrapr: --select: a name stands there twice"),
        (["-", "--selector", '"li >"'], 2, "scrapr: selector at character 3: nothing follows '>'"),
        (["-", "--select", "a=b", "--scope", "li..x"], 2, "scrapr: scope at character 2: "),
        (["-", "--select", "a"], 2, "--select"),
        (["http://127.0.0.1:1/", "--select", "a=b"], 1, "127.0.0.1:1"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(arguments: list[str], code: int, told: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("scrapr: ")
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_hostile_page_is_told_of_on_standard_error_alone() -> None:
    hostile = b"<p " + b" ".join(b"a%d" % n for n in range(100_000)) + b">"
    done = run("-", "--select", "a=p", "--json", text=hostile)
    assert (done.returncode, done.stdout) == (2, "")
    assert "hostile-page" in done.stderr
    assert len(done.stderr.splitlines()) == 1


async def test_pages_before_a_failure_are_shown_and_the_failure_told(site: str) -> None:
    arguments = [f"{site}/short", "--select", "t=li", "--paginate", "[rel=next]@href", "--limit", "3"]
    shown = await asyncio.to_thread(run, *arguments)
    assert shown.returncode == 1
    assert shown.stdout.splitlines()[:2] == ["t", "One"]
    assert shown.stderr == f"scrapr: {site}/gone: the host answered 404\n"
    value_alone = await asyncio.to_thread(run, *arguments, "--json")
    assert (value_alone.returncode, value_alone.stdout) == (1, "")


async def test_a_configuration_is_proposed_that_gives_the_items(site: str) -> None:
    done = await asyncio.to_thread(run, f"{site}/shop", "--json", name="infer")
    assert (done.returncode, done.stderr) == (0, "")
    proposed = orjson.loads(done.stdout)
    scraper = proposed["scraper"]
    assert (proposed["type"], proposed["collection"], scraper["source"]) == (
        "scraper",
        "shop",
        f"{site}/shop",
    )
    written = ["--scope", scraper["scope"], "--selector", orjson.dumps(scraper["selector"]).decode()]
    found = await asyncio.to_thread(value, f"{site}/shop", *written)
    assert [item["title"] for item in found] == ["Lamp 0", "Lamp 1", "Lamp 2"]


async def test_a_configuration_without_a_title_is_proposed_with_a_key(site: str) -> None:
    done = await asyncio.to_thread(run, f"{site}/towns", "--json", name="infer")
    proposed = orjson.loads(done.stdout)
    assert list(proposed["scraper"]["selector"][0]) == ["column", "link", "url"]
    assert proposed["key"] == ["link"]


def test_names_that_a_build_made_up_are_warned_of() -> None:
    cell = '<span class="css-1a2b3c">Lamp {0}</span><span class="css-4d5e6f">{0} EUR</span>'
    text = "".join(f"<li>{cell.format(n)}</li>" for n in range(3)).encode()
    done = run("-", text=text, name="infer")
    assert done.returncode == 0
    warnings = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert [line.split()[1:4] for line in warnings] == [
        ["text", "names", ".css-1a2b3c,"],
        ["price", "names", ".css-4d5e6f,"],
    ]
    assert run("-", "--json", text=text, name="infer").stderr == ""


@pytest.mark.parametrize("site", ["feed/page.xml", "sitemap/page.xml", "api/page.json", "table/page.html"])
def test_what_is_proposed_gives_the_items_of_a_file(site: str) -> None:
    path = str(SITES / site)
    scraper = orjson.loads(run(path, "--json", name="infer").stdout)["scraper"]
    written = ["--scope", scraper["scope"], "--selector", orjson.dumps(scraper["selector"]).decode()]
    expected = orjson.loads((SITES / site).with_name("items.json").read_bytes())
    assert len(value(path, *written)) == len(expected["items"])


def test_where_nothing_repeats_nothing_is_proposed() -> None:
    done = run("-", text=b"<p>once</p>", name="infer")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "scrapr: - repeats nothing at least three times that differs\n"
