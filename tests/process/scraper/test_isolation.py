"""Hostile pages through real processes: each ends within its limits, under a name, and the scraper goes on."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from scrapr.extraction.extract import extract
from scrapr.extraction.haste import Haste, Overdue
from scrapr.extraction.rules import compile_rules
from scrapr.fetching.client import Client
from scrapr.fetching.page import Page, Validators
from scrapr.fetching.settings import FetchSettings
from scrapr.fetching.suspicion import suspicion
from scrapr.model.errors import Invalid, TooLarge
from scrapr.model.item import JSON
from scrapr.roles.scraper import cell, isolation
from scrapr.roles.scraper.isolation import HostilePage, Isolation
from scrapr.roles.scraper.reading import Reader
from scrapr.roles.scraper.settings import ScraperSettings
from tests.conftest import Until
from tests.eventloop import unblocked
from tests.processes import is_alive, words_of

URL = "https://shop.example/page"
PATIENT = ScraperSettings(cells=2, cell_seconds=60, cell_memory=128)
QUICK = PATIENT.model_copy(update={"cell_seconds": 1.5})
"""For pages that must not end by themselves."""
GROWTH_MOST = 384 * 2**20
"""Bytes; a scraper stays below 512 MiB, and what it had before the page is less than the rest."""

HOSTILE = {
    "1 MB of nested tags": ("<div>" * 200_000, "td@html"),
    "100,000 nested tags": ("<div>" * 100_000 + "x", "div"),
    "100,000 attributes": ("<p " + " ".join(f"a{n}" for n in range(100_000)) + ">x</p>", "p"),
    "100,000 templates": ("<template>" * 100_000, "template@html"),
    "formatting that multiplies": (
        "".join(f"<b id={n}>" for n in range(2000)) + "<p>x</p>" * 2000, ["b"],
    ),
    "3 million tags": ("<p>" * 3_300_000, ["p"]),
    "9 MB of text taken again and again": ("<p></p>" * 3001 + "<i>" * 500 + "x" * 9_000_000, ["i"]),
}  # fmt: skip

LARGE = "".join(f"<li><h3>{n}</h3><a href=/{n}>more <b>{n}</b></a></li>" for n in range(20_000))
ORDINARY = compile_rules([{"n": "h3 | integer", "link": "a@href", "text": "a"}], scope="li")


@pytest.fixture
async def isolated() -> AsyncIterator[Isolation]:
    opened = Isolation(PATIENT)
    yield opened
    await opened.close()


def note(name: str, figure: str) -> None:
    """Say a figure to whoever runs the tests with -s."""
    sys.stdout.write(f"{name}: {figure}\n")


async def suffer(isolated: Isolation, selector: object, text: str) -> tuple[str, float, float]:
    """What becomes of a page; the seconds that it takes, and the longest for which the loop stood still."""
    rules = compile_rules(selector)  # type: ignore[arg-type]  # JSON, written down as objects
    why = suspicion(text)
    assert why is not None
    started = time.perf_counter()
    async with unblocked() as gaps:
        try:
            outcome = f"{len((await isolated.extract(rules, text, URL, why=why)).items)} items"
        except (HostilePage, TooLarge) as error:
            outcome = error.detail
    return outcome, time.perf_counter() - started, max(gaps)


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_page_ends_within_its_limit_by_name(isolated: Isolation, name: str) -> None:
    text, selector = HOSTILE[name]
    before = psutil.Process().memory_info().rss
    isolated._settings = QUICK
    await isolated.extract(compile_rules("p"), "<p>x", URL, why="")
    outcome, seconds, blocked = await suffer(isolated, selector, text)
    note("outcome", f"{outcome} after {seconds:.2f} s; the loop stood still for {blocked * 1000:.0f} ms")
    assert (
        outcome.endswith(" items")
        or (URL in outcome and "hostile-page: " in outcome)
        or "more than" in outcome
    )
    assert seconds < QUICK.cell_seconds + 30
    assert psutil.Process().memory_info().rss - before < GROWTH_MOST
    assert (await isolated.extract(compile_rules("p"), "<p>x", URL, why="")).value == "x"


async def test_what_comes_from_a_process_is_what_extraction_gives_here(isolated: Isolation) -> None:
    rules = compile_rules([{"n": "h3", "more": {"$follow": "a@href", "$select": {"x": "p"}}}], scope="li")
    there = await isolated.extract(ORDINARY, LARGE, URL, why="large")
    assert there == extract(ORDINARY, LARGE, URL)
    some = LARGE[: LARGE.index("<li><h3>200<")]
    here, there = extract(rules, some, URL), await isolated.extract(rules, some, URL, why="large")
    assert (there.value, there.items, there.matches) == (here.value, here.items, here.matches)
    assert [(each.path, each.url) for each in there.follows] == [
        (each.path, each.url) for each in here.follows
    ]
    assert len({each.rules for each in there.follows}) == 1


async def test_a_process_is_used_again(isolated: Isolation) -> None:
    await isolated.extract(ORDINARY, LARGE, URL, why="large")
    [first] = isolated._idle
    await isolated.extract(ORDINARY, LARGE, URL, why="large")
    assert isolated._idle == [first]


async def test_a_process_that_keeps_memory_is_used_no_more(isolated: Isolation) -> None:
    isolated._settings = PATIENT.model_copy(update={"cell_memory": 32})
    page = "".join(f"<li><h3>{n}</h3></li>" for n in range(40_000))
    outcome = (await suffer(isolated, ["h3"], page))[0]
    assert outcome == "40000 items" or outcome.endswith("took more than 32 MiB (160000 tags)")
    assert (await isolated.extract(ORDINARY, "<li><h3>1", URL, why="")).items == [{"n": 1}]


async def test_more_pages_than_processes_wait_for_their_turn(isolated: Isolation) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(isolated.extract(ORDINARY, f"<li><h3>{n}", URL, why="")) for n in range(20)
        ]
    assert [task.result().items for task in tasks] == [[{"n": n}] for n in range(20)]
    assert len(isolated._idle) == PATIENT.cells


def children() -> list[psutil.Process]:
    mine = psutil.Process().children(recursive=True)
    return [each for each in mine if cell.__name__ in " ".join(words_of(each))]


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGXCPU])
async def test_a_page_that_kills_its_process_is_named(
    isolated: Isolation, until: Until, number: signal.Signals
) -> None:
    async def at_work() -> list[psutil.Process]:
        return [each for each in children() if each.cpu_times().user > 0.8]

    async with asyncio.TaskGroup() as group:
        page = group.create_task(suffer(isolated, "p", "<div>" * 200_000))
        [process] = await until(at_work)
        process.send_signal(number)
    outcome = page.result()[0]
    how = "took more than 60 s" if number == signal.SIGXCPU else f"broke its extraction: {number.name}"
    assert outcome == f"{URL}: hostile-page: {how} (200000 tags)"
    assert (await isolated.extract(ORDINARY, "<li><h3>1", URL, why="")).items == [{"n": 1}]


async def test_a_process_that_died_idle_is_no_page_s_fault(isolated: Isolation, until: Until) -> None:
    await isolated.extract(ORDINARY, LARGE, URL, why="large")
    [idle], [process] = isolated._idle, children()
    process.kill()

    async def noticed() -> bool:
        return not idle.is_alive

    await until(noticed)
    assert (await isolated.extract(ORDINARY, "<li><h3>1", URL, why="")).items == [{"n": 1}]


async def test_a_page_that_nobody_waits_for_ends_its_process(isolated: Isolation, until: Until) -> None:
    async def at_work() -> bool:
        return bool(children())

    async def gone() -> bool:
        return not children()

    task = asyncio.get_running_loop().create_task(suffer(isolated, "p", "<div>" * 200_000))
    await until(at_work)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(gone)


async def test_processes_die_with_the_scraper(until: Until) -> None:
    program = (
        "import asyncio, os\n"
        "from tests.process.scraper.test_isolation import PATIENT, Isolation, compile_rules, children\n"
        "async def main():\n"
        "    isolated = Isolation(PATIENT)\n"
        "    await isolated.extract(compile_rules('p'), '<p>x', 'http://x/', why='')\n"
        "    print(children()[0].pid, flush=True)\n"
        "    await isolated.extract(compile_rules('p'), '<div>' * 200_000, 'http://x/', why='')\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    assert parent.stdout is not None
    child = psutil.Process(int(await parent.stdout.readline()))
    assert child.is_running()
    parent.kill()
    await parent.communicate()

    async def gone() -> bool:
        return not is_alive(child)

    await until(gone)


async def test_more_values_than_a_page_may_give_are_refused(
    isolated: Isolation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "ANSWER_MOST", 2**20)
    outcome = (await suffer(isolated, ["p"], "<p>" + "</p><p>".join(map(str, range(200_000)))))[0]
    assert outcome == f"{URL}: hostile-page: gives more than 1 MiB of values (399999 tags)"


async def test_a_great_many_values_do_not_stop_the_loop(isolated: Isolation) -> None:
    text = "<p>" + "</p><p>".join(map(str, range(190_000)))
    outcome, seconds, blocked = await suffer(isolated, ["p"], text)
    note("outcome", f"{seconds:.2f} s; the loop stood still for {blocked * 1000:.0f} ms")
    assert outcome == "190000 items"


def fetched(text: str) -> Page:
    """A page of this text."""
    return Page(
        URL,
        200,
        text,
        charset="utf-8",
        content_type="",
        validators=Validators(),
        unchanged=False,
        size=0,
        seconds=0,
    )


@pytest.mark.parametrize(
    "text",
    [
        "<div>" * 5900,
        "<div>" * 3900,
        "<div>" * 2300,
        "<div></div>" * 1950,
        "<p><i><b>" * 200 + "<p>x" * 900,
        "<i>2026-11-27" * 1990 + "</i>",
    ],
    ids=["deeper", "deep", "less deep", "flat", "opened again", "dates"],
)
@pytest.mark.parametrize(
    "selector",
    [
        "p",
        ["div div"],
        "div:last-child@html",
        ["div:has(q), p:has(q)"],
        ["div:nth-child(3n+1)"],
        ["i, p | date"],
        {
            "$scope": "div, p, i",
            "$select": [{name: f"{name} q" for name in ("html", "body", "div", "p", "i")}],
        },
    ],
    ids=str,
)
async def test_a_page_that_is_not_yet_suspicious_does_not_stop_the_loop(
    isolated: Isolation, selector: JSON, text: str
) -> None:
    async with Client(FetchSettings()) as fetcher, unblocked() as gaps:
        await Reader(fetcher, isolated, QUICK, None).read(compile_rules(selector), fetched(text))
    note("blocked", f"{max(gaps) * 1000:.0f} ms")
    assert not isolated._idle


async def test_a_page_that_takes_longer_than_others_wait_gives_the_same(isolated: Isolation) -> None:
    text = "<ul>" + "<li><b>1</b><i>2</i>" * 700
    rules = compile_rules([{"one": "b", "two": "i | integer"}], scope="li")
    with pytest.raises(Overdue):
        extract(rules, text, URL, haste=Haste(text.count("<")))
    async with Client(FetchSettings()) as fetcher:
        reader = Reader(fetcher, isolated, QUICK, None)
        found = (await reader.read(rules, fetched(text))).extraction
    assert found == extract(rules, text, URL)
    assert len(found.items) == 700


async def test_a_selector_that_deep_pages_make_dear_is_applied_where_it_can_be_ended(
    isolated: Isolation,
) -> None:
    isolated._settings = QUICK
    async with Client(FetchSettings()) as fetcher, unblocked():
        reader = Reader(fetcher, isolated, QUICK, None)
        few = await reader.read(compile_rules("div:has(div p)@class"), fetched("<div class=a><div><p>x"))
        assert few.extraction.value == "a"
        assert not isolated._idle
        with pytest.raises(HostilePage, match="took more than"):
            await reader.read(compile_rules("div:has(div q)"), fetched("<div>" * 3000))


@pytest.mark.parametrize("wrong", [os.system, cell.work, Path, {1: print}])
def test_an_answer_holds_nothing_but_an_extraction(wrong: object) -> None:
    with pytest.raises(pickle.UnpicklingError):
        isolation._read(memoryview(pickle.dumps(wrong)))


@pytest.mark.parametrize("wrong", [None, [], "x", {"value": 1}])
def test_an_answer_is_an_extraction(wrong: object) -> None:
    with pytest.raises(pickle.UnpicklingError):
        isolation._read(memoryview(pickle.dumps(wrong)))


@pytest.mark.parametrize("selector", ["p " * 50_000, "p" * 100_000, "p > " * 25_000 + "p", ":not(" * 20_000])
def test_a_selector_of_100_000_characters_is_refused(selector: str) -> None:
    started = time.perf_counter()
    with pytest.raises(Invalid):
        compile_rules(selector)
    assert time.perf_counter() - started < 30  # quadratic time would be hours


async def test_what_a_suspicious_page_costs_more(isolated: Isolation) -> None:
    """No bound but a very loose one; the figure is for who reads it."""
    await isolated.extract(ORDINARY, LARGE, URL, why="large")
    for name, text in (("small", "<li><h3>1"), ("7,000 tags", LARGE[:90_000]), ("120,000 tags", LARGE)):
        started = time.perf_counter()
        for _ in range(5):
            await asyncio.to_thread(extract, ORDINARY, text, URL)
        here = (time.perf_counter() - started) / 5
        started = time.perf_counter()
        for _ in range(5):
            await isolated.extract(ORDINARY, text, URL, why="")
        there = (time.perf_counter() - started) / 5
        note(name, f"{here * 1000:.2f} ms in a thread, {there * 1000:.2f} ms in a process")
