"""Pages whose items JavaScript makes, through the real Chromium; nothing but 127.0.0.0/8 is ever contacted."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import web

from scrapr.fetching.client import Client
from scrapr.fetching.errors import FetchFailed, FetchRefused
from scrapr.fetching.page import Page, Request
from scrapr.fetching.settings import FetchSettings
from scrapr.model.fetch import FetchOptions
from tests.components import require
from tests.process.fetching.conftest import guarded_socket
from tests.processes import is_alive, name_of

RENDER = FetchOptions(render=True)
AUTO = FetchOptions(render="auto")
SHOP = """<!doctype html><ul id=list></ul><script>
    fetch("/api").then(answer => answer.json()).then(names => {
        for (const name of names) {
            const item = document.createElement("li");
            item.textContent = name;
            list.append(item);
        }
    })
</script>"""


def missing() -> str | None:
    if not FetchSettings().browser.exists():
        return f"there is no {FetchSettings().browser}"
    return None if importlib.util.find_spec("playwright") else "the extra scrapr[browser] is not installed"


@pytest.fixture(autouse=True)
def chromium(request: pytest.FixtureRequest) -> None:
    if not request.node.name.startswith("test_without"):
        require("chromium", missing())


class Site:
    """Answers from a table; notes who asked for what."""

    def __init__(self) -> None:
        self.pages: dict[str, Any] = {"/": SHOP, "/api": ["lamp", "chair"]}
        self.visits: list[str] = []

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.visits.append(request.path)
        page = self.pages.get(request.path)
        if page is None:
            raise web.HTTPNotFound
        if callable(page):
            return await page(request)  # type: ignore[no-any-return]  # a handler of the test
        if isinstance(page, str):
            return web.Response(text=page, content_type="text/html")
        return web.json_response(page)


class Opener:
    """Opens sockets to this machine alone, and notes the addresses."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    def __call__(self, info: Any) -> socket.socket:
        self.opened.append(f"{info[4][0]}:{info[4][1]}")
        return guarded_socket(info)


@pytest.fixture
def opener() -> Opener:
    return Opener()


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
async def url(serve: Any, site: Site) -> str:
    url: str = await serve(site)
    return url


@pytest.fixture
async def client(connect: Any, opener: Opener) -> AsyncIterator[Client]:
    client: Client = await connect(opener=opener, browser_settle=2, browser_timeout=20)
    yield client
    await client._browser.close()
    assert not chromiums()


def chromiums() -> list[psutil.Process]:
    mine = psutil.Process().children(recursive=True)
    return [each for each in mine if "chrom" in name_of(each) and is_alive(each)]


def memory_of(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


async def test_items_that_scripts_make_are_there(client: Client, site: Site, url: str) -> None:
    page = await client.fetch(Request(f"{url}/", options=RENDER))
    assert "<li>lamp</li><li>chair</li>" in page.text
    assert page.text.startswith("<!DOCTYPE html>")
    assert page.size > len(SHOP)
    assert site.visits == ["/", "/api"]


async def test_a_rendered_page_is_unchanged_if_its_document_is(client: Client, site: Site, url: str) -> None:
    first = await client.fetch(Request(f"{url}/", options=RENDER))
    again = await client.fetch(Request(f"{url}/", options=RENDER, validators=first.validators))
    assert again.unchanged
    assert not again.text
    site.pages["/api"] = ["table"]
    changed = await client.fetch(Request(f"{url}/", options=RENDER, validators=first.validators))
    assert not changed.unchanged
    assert "<li>table</li>" in changed.text


async def test_a_browser_is_started_only_for_a_page_that_lacks_what_is_looked_for(
    client: Client, site: Site, url: str
) -> None:
    async def lacks(page: Page) -> bool:
        return "<li>" not in page.text

    site.pages["/plain"] = "<li>there"
    page = await client.fetch(Request(f"{url}/plain", options=AUTO, lacks=lacks))
    assert page.text == "<li>there"
    assert not chromiums()
    page = await client.fetch(Request(f"{url}/", options=AUTO, lacks=lacks))
    assert "<li>chair</li>" in page.text
    assert chromiums()


async def test_scripts_reach_their_own_host_and_public_addresses_alone(
    client: Client, site: Site, serve: Any, url: str, opener: Opener
) -> None:
    other = Site()
    elsewhere = await serve(other, "127.0.0.2")
    ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ear.bind(("127.0.0.1", 0))
    ear.setblocking(False)
    targets = [
        "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://192.168.0.1/", "http://[::1]/",
        "http://[::ffff:169.254.169.254]/", "http://2852039166/", "http://0x7f.2/", "https://10.0.0.1/",
        "https://169.254.169.254/", f"{elsewhere}/", f"{elsewhere.replace('http', 'https')}/", "http://0.0.0.0/",
        "http://100.100.100.200/", "http://metadata.google.internal/", "file:///etc/passwd", "ftp://10.0.0.1/",
        f"http://localhost:{url.rpartition(':')[2]}/",
    ]  # fmt: skip
    site.pages["/hops"] = lambda _: redirect("http://169.254.169.254/")
    site.pages["/"] = f"""<p id=p>start</p><script>
        const targets = {[*targets, f"{url}/hops"]};
        const tries = targets.map(target => fetch(target, {{mode: "no-cors"}}).then(() => target, () => "failed"));
        for (const target of targets) {{
            for (const kind of ["script", "iframe", "img", "embed"]) {{
                const made = document.createElement(kind);
                made.src = target;
                document.body.append(made);
            }}
            try {{ new WebSocket(target.replace("http", "ws")) }} catch (error) {{}}
            navigator.sendBeacon(target, "x");
        }}
        new EventSource("http://10.0.0.1/");
        const peer = new RTCPeerConnection({{iceServers: [{{urls: "stun:127.0.0.1:{ear.getsockname()[1]}"}}]}});
        peer.createDataChannel("x");
        peer.createOffer().then(offer => peer.setLocalDescription(offer));
        Promise.all(tries).then(all => p.textContent = "done: " + all.filter(one => one != "failed").join(" "));
    </script>"""
    page = await client.fetch(Request(f"{url}/", options=RENDER))
    # A proxy answers plain requests by its refusal, which a page cannot tell from a host's own answer.
    assert "done: " in page.text
    assert not {address for address in opener.opened if address != url.removeprefix("http://")}
    assert not other.visits
    with pytest.raises(BlockingIOError):
        ear.recv(1)
    ear.close()
    assert "/hops" in site.visits


async def redirect(to: str) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": to})


async def test_a_page_cannot_leave_for_another(client: Client, site: Site, url: str) -> None:
    site.pages["/"] = "<p>here</p><script>open('/window'); location.href = '/away'</script>"
    page = await client.fetch(Request(f"{url}/", options=RENDER))
    assert "<p>here</p>" in page.text
    assert not {"/away", "/window"} & set(site.visits)


async def test_a_page_that_never_rests_is_taken_as_it_is(client: Client, site: Site, url: str) -> None:
    site.pages["/"] = (
        "<p id=p></p><script>setInterval(() => fetch('/api').then(() => p.append('x')), 50)</script>"
    )
    page = await client.fetch(Request(f"{url}/", options=RENDER))
    assert "xxx" in page.text


async def test_a_script_without_end_is_ended_and_the_next_page_is_rendered(
    connect: Any, site: Site, url: str
) -> None:
    client = await connect(browser_timeout=4)
    site.pages["/endless"] = "<script>for (;;);</script>"
    with pytest.raises(FetchFailed) as caught:
        await client.fetch(Request(f"{url}/endless", options=RENDER))
    assert caught.value.reason == "timeout"
    assert caught.value.url == f"{url}/endless"
    assert "<li>lamp</li>" in (await client.fetch(Request(f"{url}/", options=RENDER))).text


async def test_the_bytes_that_scripts_take_are_limited(connect: Any, site: Site, url: str) -> None:
    client = await connect(browser_bytes=1_000_000, browser_settle=5)

    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b"x" * 65_536)

    site.pages["/endless"] = endless
    site.pages["/"] = "<script>fetch('/endless').then(answer => answer.text())</script>"
    with pytest.raises(FetchFailed) as caught:
        await client.fetch(Request(f"{url}/", options=RENDER))
    assert caught.value.reason == "too-large"


@pytest.mark.parametrize(
    "hoard",
    ["hoard.push(new Uint8Array(50e6).fill(1))", "document.body.append('y'.repeat(1e6) + hoard.push(0))"],
    ids=["in buffers", "in the document"],
)
async def test_the_memory_that_scripts_take_is_limited(
    connect: Any, site: Site, url: str, hoard: str
) -> None:
    site.pages["/hoard"] = f"<body><script>const hoard = []; for (let n = 0; n < 3000; n++) {hoard}</script>"
    client, peak = await connect(browser_memory=1_200_000_000), [0]

    async def watch() -> None:
        while True:
            peak.extend(map(memory_of, chromiums()))
            await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as group:
        watcher = group.create_task(watch())
        with suppress(FetchFailed):  # a script that gets no buffer ends, and the page is as far as it came
            await client.fetch(Request(f"{url}/hoard", options=RENDER))
        watcher.cancel()
    assert 300_000_000 < max(peak) < 1_200_000_000
    assert "lamp" in (await client.fetch(Request(url, options=RENDER))).text


async def test_a_document_that_grows_is_refused_whatever_it_says_of_itself(
    connect: Any, site: Site, url: str
) -> None:
    client = await connect(body_limit=100_000)
    site.pages["/"] = """<script>
        Object.defineProperty(Element.prototype, "outerHTML", {get: () => "<p>short"});
        for (let n = 0; n < 20_000; n++) document.documentElement.append("some text");
    </script>"""
    with pytest.raises(FetchFailed) as caught:
        await client.fetch(Request(f"{url}/", options=RENDER))
    assert caught.value.reason == "too-large"


async def test_a_browser_that_died_is_started_again(client: Client, site: Site, url: str, until: Any) -> None:
    await client.fetch(Request(f"{url}/", options=RENDER))
    for process in chromiums():
        process.kill()
    running = client._browser._running
    assert running is not None

    async def noticed() -> bool:
        return not running.chromium.is_connected()

    await until(noticed)
    assert "<li>lamp</li>" in (await client.fetch(Request(f"{url}/", options=RENDER))).text


async def test_pages_are_rendered_side_by_side_and_know_nothing_of_each_other(
    client: Client, site: Site, url: str
) -> None:
    site.pages["/"] = """<p id=p></p><script>
        p.textContent = "before: " + document.cookie + localStorage.getItem("a");
        document.cookie = "a=b"; localStorage.setItem("a", "b");
    </script>"""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(client.fetch(Request(f"{url}/", options=RENDER))) for _ in range(4)]
    assert all("before: null<" in task.result().text for task in tasks)


async def test_secrets_do_not_reach_the_browser(
    connect: Any, site: Site, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRAPR_MONGO_URL", "s3cr3t")
    (tmp_path / "127.0.0.1").mkdir()
    (tmp_path / "127.0.0.1" / "key").write_text("s3cr3t")
    seen: dict[str, str | None] = {}

    async def note(request: web.Request) -> web.StreamResponse:
        seen[request.path] = request.headers.get("X-Key")
        return web.Response(text="<script>fetch('/more')</script>", content_type="text/html")

    site.pages |= {"/": note, "/more": note}
    client = await connect(secrets=tmp_path)
    options = FetchOptions.model_validate({"render": True, "headers": {"X-Key": {"$secret": "key"}}})
    await client.fetch(Request(f"{url}/", options=options, source=f"{url}/"))
    assert seen == {"/": "s3cr3t", "/more": None}
    environments = []
    for each in chromiums():
        with suppress(psutil.NoSuchProcess):
            environments.append(str(each.environ()))
    assert environments
    assert not [each for each in environments if "s3cr3t" in each]


async def test_without_chromium_it_is_said_what_to_install(connect: Any, url: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("playwright") is None:
        require("chromium", "the extra scrapr[browser] is not installed")
    client = await connect(browser=tmp_path / "chromium")
    with pytest.raises(FetchRefused) as caught:
        await client.fetch(Request(f"{url}/", options=RENDER))
    assert caught.value.reason == "no-browser"
    assert "apt-get install chromium" in caught.value.detail


async def test_without_the_extra_it_is_said_what_to_install(
    connect: Any, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [each for each in sys.modules if each.partition(".")[0] == "playwright"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "playwright", None)
    client = await connect()
    with pytest.raises(FetchRefused) as caught:
        await client.fetch(Request(f"{url}/", options=RENDER))
    assert caught.value.reason == "no-browser"
    assert "scrapr[browser]" in caught.value.detail
