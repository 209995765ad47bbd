"""A host is asked as often, as soon and for what it wants to be asked."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web

from scrapr.fetching.client import Client
from scrapr.fetching.errors import FetchFailed, FetchRefused, FetchUnavailable
from scrapr.fetching.page import Request
from scrapr.model.fetch import FetchOptions
from tests.eventloop import unblocked


def html(text: Any = "x", **kwargs: Any) -> web.Response:
    return web.Response(text=text, content_type="text/html", **kwargs)


async def fail(client: Client, url: str, **kwargs: Any) -> FetchFailed:
    with pytest.raises(FetchFailed) as caught:
        await client.fetch(Request(url, **kwargs))
    return caught.value


class Site:
    """A site with a robots.txt, that counts what it was asked for."""

    def __init__(self, robots: Any = "", status: Any = 200) -> None:
        self.robots, self.status = robots, status
        self.asked: list[str] = []
        self.times: list[float] = []

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.path == "/robots.txt":
            return web.Response(text=self.robots, status=self.status)
        self.times.append(time.monotonic())
        return html()


async def test_what_robots_forbid_is_not_fetched(serve: Any, connect: Any) -> None:
    site = Site("User-agent: *\nDisallow: /private\nAllow: /private/not\n")
    url, client = await serve(site), await connect(robots=True)
    failure = await fail(client, f"{url}/private/x")
    assert (failure.reason, isinstance(failure, FetchRefused)) == ("robots", True)
    await client.fetch(Request(f"{url}/private/not"))
    await client.fetch(Request(f"{url}/public"))
    assert site.asked == ["/robots.txt", "/private/not", "/public"]


async def test_robots_are_asked_for_once_by_many(serve: Any, connect: Any) -> None:
    site = Site()
    url, client = await serve(site), await connect(robots=True)
    await asyncio.gather(*(client.fetch(Request(f"{url}/{n}")) for n in range(20)))
    assert site.asked.count("/robots.txt") == 1


async def test_a_redirect_into_what_robots_forbid_is_not_followed(serve: Any, connect: Any) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/robots.txt":
            return web.Response(text="User-agent: *\nDisallow: /b\n")
        if request.path == "/a":
            return web.Response(status=302, headers={"Location": "/b"})
        return html()

    url, client = await serve(answer), await connect(robots=True)
    failure = await fail(client, f"{url}/a")
    assert (failure.reason, failure.url) == ("robots", f"{url}/b")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 429, 451])
async def test_a_site_without_robots_may_be_visited(serve: Any, connect: Any, status: int) -> None:
    site = Site("User-agent: *\nDisallow: /\n", status)
    client = await connect(robots=True)
    assert (await client.fetch(Request(await serve(site)))).text == "x"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_site_whose_robots_fail_is_left_alone(serve: Any, connect: Any, status: int) -> None:
    site = Site("", status)
    url, client = await serve(site), await connect(robots=True)
    for _ in range(2):
        failure = await fail(client, url)
        assert (failure.reason, isinstance(failure, FetchUnavailable)) == ("robots", True)
    assert site.asked == ["/robots.txt"]


async def test_robots_that_fail_later_are_replaced_by_what_they_were(serve: Any, connect: Any) -> None:
    site = Site("User-agent: *\nDisallow: /private\n")
    url, client = await serve(site), await connect(robots=True, robots_ttl=1, robots_retry=0)
    await client.fetch(Request(url))
    site.status = 503
    rulebook = client._visits._rulebook
    for key, entry in list(rulebook._entries.items()):
        rulebook._entries[key] = type(entry)(entry.rules, entry.size, 0.0)  # as after an hour
    assert (await client.fetch(Request(url))).text == "x"
    assert (await fail(client, f"{url}/private")).reason == "robots"
    assert site.asked.count("/robots.txt") == 3


async def test_a_host_that_is_down_is_called_down_and_not_forbidden(connect: Any) -> None:
    client = await connect(robots=True)
    assert (await fail(client, "http://127.0.0.1:1/")).reason == "connect"


async def test_robots_are_read_to_their_limit_and_quickly(serve: Any, connect: Any) -> None:
    rules = "".join(f"User-agent: bot{n}\n" for n in range(12_000))
    rules += "".join(f"Disallow: /x{n}*a*b\n" for n in range(20_000))
    site = Site(
        f"User-agent: *\nDisallow: /no\n\n{rules}{'# padding' * 100_000}\nUser-agent: *\nDisallow: /late\n"
    )
    url, client = await serve(site), await connect(robots=True)
    assert (await fail(client, f"{url}/no")).reason == "robots"
    assert (await client.fetch(Request(f"{url}/late"))).text == "x"


async def test_hostile_rules_do_not_stop_the_loop_whatever_the_url(serve: Any, connect: Any) -> None:
    site = Site("User-agent: *\n" + "".join(f"Allow: *aaaab{n}\n" for n in range(20_000)) + "Disallow: /no\n")
    url, client = await serve(site), await connect(robots=True)
    await client.fetch(Request(url))
    async with unblocked():
        await client.fetch(Request(f"{url}/{'a' * 7000}"))
    assert (await fail(client, f"{url}/no{'a' * 7000}")).reason == "robots"


async def test_robots_of_the_kind_of_garbage_forbid_nothing(serve: Any, connect: Any) -> None:
    site = Site("<html>\0\ufffd Disallow\n:::\nUser-agent\nDisallow: /x\n" * 100)
    client = await connect(robots=True)
    assert (await client.fetch(Request(await serve(site)))).text == "x"


async def test_a_configuration_may_say_for_itself_what_it_obeys(serve: Any, connect: Any) -> None:
    site = Site("User-agent: other\nDisallow: /\n\nUser-agent: scrapr\nDisallow: /a\n")
    url, client = await serve(site), await connect(robots=True)
    assert (await fail(client, f"{url}/a")).reason == "robots"
    assert (await fail(client, url, options=FetchOptions(user_agent="Other/2.0"))).reason == "robots"
    await client.fetch(Request(f"{url}/a", options=FetchOptions(robots=False)))


async def test_a_configuration_may_say_for_itself_how_long_it_waits_and_who_to_write_to(
    serve: Any, connect: Any
) -> None:
    agents: list[str] = []

    async def busy(request: web.Request) -> web.Response:
        agents.append(request.headers["User-Agent"])
        return html(status=429, headers={"Retry-After": "3600"})

    url, client = await serve(busy), await connect(retry_after_limit=3600)
    options = FetchOptions(retry_after_limit=1, contact="mailto:us@example.org")
    assert (await fail(client, url, options=options)).reason == "status"
    assert [agent.endswith("(+mailto:us@example.org)") for agent in agents] == [True]


async def test_crawl_delay_is_kept_and_told(serve: Any, connect: Any) -> None:
    site = Site("User-agent: *\nCrawl-delay: 0.15\n")
    url, client = await serve(site), await connect(robots=True, pace=0.01)
    pages = await asyncio.gather(*(client.fetch(Request(f"{url}/{n}")) for n in range(4)))
    gaps = [b - a for a, b in zip(site.times, site.times[1:], strict=False)]
    assert min(gaps) > 0.1
    assert max(page.waited.get("crawl_delay", 0) for page in pages) > 0.4


async def test_a_crawl_delay_has_a_limit(serve: Any, connect: Any) -> None:
    site = Site("User-agent: *\nCrawl-delay: 86400\n")
    url, client = await serve(site), await connect(robots=True, crawl_delay_limit=0.05)
    await client.fetch(Request(url))
    page = await client.fetch(Request(url))
    assert 0 < page.waited["crawl_delay"] < 0.06


async def test_pace_is_kept_between_any_two_requests_to_a_host(serve: Any, connect: Any) -> None:
    site = Site()
    url, client = await serve(site), await connect(pace=0.1)
    pages = await asyncio.gather(*(client.fetch(Request(f"{url}/{n}")) for n in range(4)))
    # When a request arrives is the machine's to say, too: between the first and the last it evens out.
    assert site.times[-1] - site.times[0] > 0.2
    assert sum(page.waited.get("pace", 0) for page in pages) > 0.5


async def test_hosts_do_not_wait_for_each_other(serve: Any, connect: Any) -> None:
    one, two = Site(), Site()
    first, second = await serve(one, "127.0.0.1"), await serve(two, "127.0.0.2")
    client = await connect(pace=30)
    for url in (first, second):
        assert (await client.fetch(Request(url))).waited == {}


async def test_no_more_requests_than_slots_are_at_a_host(serve: Any, connect: Any) -> None:
    here, most = 0, 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal here, most
        here += 1
        most = max(most, here)
        await asyncio.sleep(0.02)
        here -= 1
        return html()

    url, client = await serve(answer), await connect(per_host=3)
    pages = await asyncio.gather(*(client.fetch(Request(f"{url}/{n}")) for n in range(12)))
    assert most == 3
    assert max(page.waited.get("concurrency", 0) for page in pages) > 0.03


async def test_a_turn_that_would_come_too_late_is_a_failure(serve: Any, connect: Any) -> None:
    url, client = await serve(Site()), await connect(pace=60, patience=1)
    await client.fetch(Request(url))
    failure = await fail(client, url)
    assert failure.reason == "busy"
    assert failure.retry_after is not None
    assert 58 < failure.retry_after <= 60


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 522])
async def test_a_fault_that_passes_is_tried_again(serve: Any, connect: Any, status: int) -> None:
    asked = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(1)
        return html(status=status) if len(asked) < 3 else html()

    client = await connect(retries=2)
    page = await client.fetch(Request(await serve(answer)))
    assert (page.text, page.retries) == ("x", 2)
    assert page.waited["backoff"] > 0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451, 501])
async def test_a_fault_that_stays_is_not_tried_again(serve: Any, connect: Any, status: int) -> None:
    asked = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(1)
        return html(status=status)

    client = await connect(retries=3)
    await fail(client, await serve(answer))
    assert len(asked) == 1


async def test_a_connection_that_breaks_is_tried_again(serve_raw: Any, connect: Any) -> None:
    asked = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(1)
        if len(asked) == 1:
            writer.transport.abort()
            return
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1\r\n\r\nx")
        await writer.drain()

    client = await connect(retries=1)
    assert (await client.fetch(Request(await serve_raw(talk)))).text == "x"


async def test_tries_have_a_limit_and_the_last_failure_is_told(serve: Any, connect: Any) -> None:
    asked = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(1)
        return html(status=500 + len(asked))

    client = await connect(retries=2)
    failure = await fail(client, await serve(answer))
    assert failure.status in {501, 503}


async def test_a_post_that_may_have_worked_is_not_sent_again(serve: Any, connect: Any) -> None:
    asked = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(1)
        return html(status=500)

    client = await connect(retries=3)
    await fail(client, await serve(answer), method="POST", body=b"x")
    assert len(asked) == 1


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_retry_after_holds_all_requests_to_the_host(serve: Any, connect: Any, form: Any) -> None:
    times: list[float] = []
    asked = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        times.append(time.monotonic())
        asked.set()
        if len(times) > 1:
            return html()
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
        return html(status=429, headers={"Retry-After": "1" if form == "seconds" else date})

    url, client = await serve(answer), await connect(retries=1)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(client.fetch(Request(url)))
        await asked.wait()
        while not client._hosts._hosts["127.0.0.1"].held_until:  # noqa: ASYNC110 - the host knows no event
            await asyncio.sleep(0.005)
        second = group.create_task(client.fetch(Request(url)))
    assert times[1] - times[0] > 0.8
    assert first.result().waited["retry_after"] > 0.5
    assert second.result().waited["retry_after"] > 0.5


async def test_a_retry_after_that_is_too_far_away_is_a_failure_that_tells_it(
    serve: Any, connect: Any
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return html(status=503, headers={"Retry-After": "7200"})

    url, client = await serve(answer), await connect(retries=3, patience=5)
    failure = await fail(client, url)
    assert (failure.status, failure.retry_after) == (503, 7200)
    assert failure.detail.endswith("the host answered 503, and asks to come back in 7200 s")
    failure = await fail(client, url)  # the host is now left alone by all
    assert failure.reason == "busy"
    assert failure.retry_after is not None
    assert failure.retry_after > 3500


async def test_a_host_that_strains_is_asked_less_often(serve: Any, connect: Any) -> None:
    slow = False

    async def answer(request: web.Request) -> web.StreamResponse:
        if slow:
            await asyncio.sleep(0.15)
        return html()

    url, client = await serve(answer), await connect(adaptive=True)
    for _ in range(5):
        assert (await client.fetch(Request(url))).waited == {}
    slow = True
    for _ in range(8):
        await client.fetch(Request(url))
    pages = await asyncio.gather(*(client.fetch(Request(url)) for _ in range(4)))
    slow = False
    assert max(page.waited.get("adaptive", 0) for page in pages) > 0.2
    for _ in range(40):
        last = await client.fetch(Request(url))
    assert last.waited.get("adaptive", 0) < 0.05


async def test_an_unchanged_page_costs_a_304_and_no_text(serve: Any, client: Client) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.headers.get("If-None-Match") == '"v1"':
            return web.Response(status=304, headers={"ETag": '"v1"'})
        return html(headers={"ETag": '"v1"'})

    url = await serve(answer)
    first = await client.fetch(Request(url))
    again = await client.fetch(Request(url, validators=first.validators))
    assert (again.status, again.unchanged, again.text, again.size) == (304, True, "", 0)
    assert again.validators == first.validators


async def test_last_modified_is_enough(serve: Any, client: Client) -> None:
    date = "Mon, 01 Jan 2024 00:00:00 GMT"

    async def answer(request: web.Request) -> web.StreamResponse:
        same = request.headers.get("If-Modified-Since") == date
        return web.Response(status=304) if same else html(headers={"Last-Modified": date})

    url = await serve(answer)
    first = await client.fetch(Request(url))
    assert (await client.fetch(Request(url, validators=first.validators))).unchanged


async def test_the_same_body_is_unchanged_without_any_header(serve: Any, client: Client) -> None:
    text = "<p>same"

    async def answer(request: web.Request) -> web.StreamResponse:
        return html(text)

    url = await serve(answer)
    first = await client.fetch(Request(url))
    again = await client.fetch(Request(url, validators=first.validators))
    assert (again.status, again.unchanged, again.text, again.size) == (200, True, "", 7)
    text = "<p>other"
    changed = await client.fetch(Request(url, validators=again.validators))
    assert (changed.unchanged, changed.text) == (False, "<p>other")
