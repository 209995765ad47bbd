"""Real pages torn apart, 20,000 of them, through extraction in processes that would be seen to crash."""

from __future__ import annotations

import multiprocessing
import random
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest

from scrapr.extraction.extract import extract
from scrapr.extraction.rules import Rules, compile_rules
from scrapr.fetching import charset
from scrapr.fetching.suspicion import suspicion
from scrapr.model.errors import TooLarge
from tests.components import require

ROOTS = {
    "python-doc": Path("/usr/share/doc/python3.11/html"),
    "postgresql-doc": Path("/usr/share/doc/postgresql-doc-15/html"),
}
SIZES = range(1_000, 30_000)
PAGES = 200
TIMES = 100
MEMORY_MOST = 512
"""MiB of such a process at its most."""

CONFIGURATIONS: list[dict[str, Any]] = [
    {"selector": {"all": ["a@href"], "title": "title | collapse", "text": "body@html | html2text"}},
    {"scope": "div, section, li", "selector": [{"id": "@id", "n": "b, code | number", "own": ["> *@html"]}]},
    {"scope": "tr", "selector": [{"first": "td:first-child | trim", "rest": ["td ~ td | date"]}]},
    {
        "scope": ":not(p):has(a)",
        "selector": [{"t": "a b ~ c, a", "page": {"$follow": "a@href", "$select": "h1"}}],
    },
    {
        "selector": {
            "dl": {"$scope": "dl > dt:contains(e)", "$select": [{"term": "code", "up": ["@class | split"]}]}
        }
    },
    {"scope": "@microdata", "selector": [{"type": "$.type[0]", "all": ["$..name[*]"]}]},
]
BYTES = [
    b"<",
    b">",
    b'"',
    b"'",
    b"&",
    b"\0",
    b"/",
    b"\xff\xfe",
    b"\xc3",
    b"<!--",
    b"<?xml ",
    b"<template>",
    b"</",
]


def tear(page: bytes, chance: random.Random) -> bytes:
    """The page with a few bytes or stretches lost, repeated, moved or replaced."""
    for _ in range(chance.randrange(1, 9)):
        at, length = chance.randrange(len(page) + 1), chance.randrange(1, 400)
        begin = chance.randrange(len(page) + 1)
        page = chance.choice(
            [
                page[:at] + page[at + length :],
                page[:at] + page[begin : begin + length] + page[at:],
                page[:at] + chance.choice(BYTES) + page[at + 1 :],
                page[:at] + chance.randbytes(length % 9) + page[at:],
                page[:at] + bytes([page[at] ^ 1 << chance.randrange(8)]) + page[at + 1 :]
                if at < len(page)
                else page,
            ]
        )
    return page[: chance.randrange(len(page) + 1)] if chance.random() < 0.1 else page


@cache
def rules() -> list[Rules]:
    """Compiled once in each process."""
    return [
        compile_rules(each["selector"], scope=each.get("scope"), paginate="a@href") for each in CONFIGURATIONS
    ]


def read(found: bytes, chance: random.Random) -> str:
    """What became of a page that came like this; raises what is not ours, and for what JSON cannot say."""
    labels = [None, "text/html; charset=utf-8", "text/html; charset=utf-16", "text/html"]
    text, _ = charset.decode(found, chance.choice(labels))
    if suspicion(text) is not None:
        return "suspected"
    try:
        extraction = extract(chance.choice(rules()), text, "https://docs.example/dir/page.html")
    except TooLarge:
        return "too large"
    orjson.dumps([extraction.value, extraction.items, extraction.matches, extraction.unconverted])
    assert extraction.next_url is None or extraction.next_url.startswith(("http://", "https://"))
    return "items" if extraction.items else "nothing"


def work(path: Path, seeds: Sequence[int]) -> tuple[Counter[str], int]:
    """What became of one page torn by each of the seeds, and the memory that this process took at its most."""
    outcomes: Counter[str] = Counter()
    page = path.read_bytes()
    for seed in seeds:
        chance = random.Random(f"{path.name} {seed}")
        try:
            outcomes[read(tear(page, chance), chance)] += 1
        except Exception as error:
            error.add_note(f"{path} torn by seed {seed}")
            raise
    return outcomes, most_memory()


def most_memory() -> int:
    """MiB that this program took at its most; the kernel's count for `getrusage` goes on from who started it."""
    told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(told["VmHWM"].split()[0]) // 1024


def real_pages() -> list[Path]:
    """Pages from all over the documentations, the same on every machine that has the same packages."""
    found = []
    for name, root in ROOTS.items():
        pages = [path for path in sorted(root.rglob("*.html")) if path.stat().st_size in SIZES]
        require(name, None if pages else f"no pages in {root}")
        found += pages
    random.Random("pages").shuffle(found)
    return found[:PAGES]


@pytest.mark.timeout(300)
def test_twenty_thousand_torn_pages_give_json_or_an_error_of_ours() -> None:
    pages = real_pages()
    assert len(pages) == PAGES
    outcomes: Counter[str] = Counter()
    # A crash of the parser ends a process, which the pool tells as an error.
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        for found, memory in pool.map(work, pages, [range(TIMES)] * PAGES):
            outcomes += found
            assert memory < MEMORY_MOST
    assert outcomes.total() == 20_000
    assert outcomes["items"] > 10_000
