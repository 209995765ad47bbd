"""Pages whose items are made by JavaScript: rendered by the system's Chromium, behind a guarded proxy."""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from aiohttp.abc import AbstractResolver
from yarl import URL

from scrapr.fetching import gate, processes
from scrapr.fetching.errors import FetchRefused, FetchUnavailable
from scrapr.fetching.page import Page
from scrapr.fetching.proxy import Proxy
from scrapr.fetching.settings import FetchSettings

if TYPE_CHECKING:
    from playwright.async_api import Browser as Chromium
    from playwright.async_api import BrowserContext, Route

log = structlog.get_logger()

REFUSED_SHOWN = 10
EXTRA = "pip install 'scrapr[browser]'"
START_WITHIN = 30.0
"""Seconds for the browser to start."""
CLOSE_WITHIN = 5.0
"""Seconds for a page or the browser to close before its processes are killed."""

_SKIPPED = frozenset({"image", "media", "font"})

_FLAGS = (
    # Whatever does not ask the proxy finds no name and no network.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--proxy-bypass-list=<-loopback>",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
    "--dns-prefetch-disable",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-pings",
    "--no-first-run",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--js-flags=--max-old-space-size=512",
)

# In a world of its own, which the page's scripts cannot reach: they could redefine what is read here.
_READ = """(() => {
    const html = document.documentElement ? document.documentElement.outerHTML : "";
    return html.length > %d ? null : (document.doctype ? "<!DOCTYPE html>" : "") + html;
})()"""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A page's document as its scripts left it, and the bytes that they took."""

    text: str
    size: int


@dataclass(frozen=True, slots=True)
class _Running:
    """A browser process, and how to end it."""

    chromium: Chromium
    stack: AsyncExitStack


class Browser:
    """One Chromium for a process: started for the first page, used for all, a fresh context for each.

    A page is fetched by scrapr's own client, by all its rules; the browser is given its text, and fetches for itself
    only what the page's scripts ask for.
    """

    def __init__(
        self,
        settings: FetchSettings,
        *,
        resolver: AbstractResolver | None = None,
        open_socket: gate.OpenSocket = gate.open_socket,
    ) -> None:
        self._settings = settings
        self._resolver = resolver
        self._open_socket = open_socket
        self._places = asyncio.Semaphore(settings.browser_pages)
        self._starting = asyncio.Lock()
        self._running: _Running | None = None

    async def render(self, page: Page, settings: FetchSettings) -> Rendered:
        """The document that the page's scripts make of its text.

        Raises `FetchRefused` ("no-browser") and `FetchUnavailable` ("timeout", "too-large", "browser").
        """
        async with self._places:
            running = await self._start(page.url)
            from playwright.async_api import Error  # noqa: PLC0415 - an extra; there, since the browser has started

            try:
                async with asyncio.timeout(settings.browser_timeout):
                    return await self._visit(running, page, settings)
            except TimeoutError as error:
                problem = f"the page's scripts did not end in {settings.browser_timeout:g} s"
                raise FetchUnavailable("timeout", problem, url=page.url) from error
            except Error as error:
                problem = f"the browser failed: {error.message.partition(chr(10))[0][:200]}"
                raise FetchUnavailable("browser", problem, url=page.url) from error

    async def close(self) -> None:
        """End the browser."""
        running, self._running = self._running, None
        if running is not None:
            await running.stack.aclose()

    async def _visit(self, running: _Running, page: Page, settings: FetchSettings) -> Rendered:
        host = URL(page.url).raw_host
        proxy = Proxy(settings, host, resolver=self._resolver, open_socket=self._open_socket)
        async with proxy:
            context = await running.chromium.new_context(
                proxy={"server": proxy.url, "bypass": "<-loopback>"},
                user_agent=settings.agent,
                accept_downloads=False,
                service_workers="block",
            )
            try:
                text = await _load(context, page, settings)
            finally:
                await self._leave(running, context)
            if proxy.refused:
                log.info("page's scripts refused", url=page.url, requests=proxy.refused[:REFUSED_SHOWN])
            if proxy.is_exhausted:
                raise _too_large(page, f"the page's scripts took more than {settings.browser_bytes} bytes")
            if text is None:
                raise _too_large(page, f"the rendered page is longer than {settings.body_limit} characters")
            return Rendered(text, proxy.taken)

    async def _leave(self, running: _Running, context: BrowserContext) -> None:
        """Close the page's context; if the browser does not, kill it."""
        try:
            async with asyncio.timeout(CLOSE_WITHIN):
                await context.close()
        except Exception:  # noqa: BLE001 - whatever it is, no page may go on
            if self._running is running:
                self._running = None
            await running.stack.aclose()

    async def _start(self, url: str) -> _Running:
        async with self._starting:
            running = self._running
            if running is not None and running.chromium.is_connected():
                return running
            await self.close()
            self._running = await self._launch(url)
            return self._running

    async def _launch(self, url: str) -> _Running:
        settings = self._settings
        try:
            from playwright.async_api import Error, async_playwright  # noqa: PLC0415 - an extra, for who renders pages
        except ImportError as error:
            raise _missing(url, EXTRA) from error
        if not settings.browser.exists():
            problem = (
                f"Chromium at {settings.browser} (apt-get install chromium, or set SCRAPR_FETCH_BROWSER)"
            )
            raise _missing(url, problem)
        mark = f"--scrapr-browser={secrets.token_hex(8)}"
        async with AsyncExitStack() as stack:
            # What does not belong to a page goes through a proxy that refuses everything.
            nowhere = await stack.enter_async_context(Proxy(settings, None))
            home = stack.enter_context(tempfile.TemporaryDirectory(prefix="scrapr-browser-"))
            playwright = await stack.enter_async_context(async_playwright())
            stack.callback(processes.kill, mark)
            try:
                chromium = await playwright.chromium.launch(
                    executable_path=settings.browser,
                    args=[*_FLAGS, mark],
                    # None of the secrets that this process may have been given by its environment.
                    env={"PATH": os.defpath, "HOME": home, "LANG": "C.UTF-8"},
                    proxy={"server": nowhere.url, "bypass": "<-loopback>"},
                    chromium_sandbox=settings.browser_sandbox and os.geteuid() != 0,
                    handle_sigint=False,
                    handle_sigterm=False,
                    handle_sighup=False,
                    timeout=START_WITHIN * 1000,
                )
            except Error as error:
                problem = f"the browser does not start: {error.message.partition(chr(10))[0][:200]}"
                raise FetchUnavailable("browser", problem, url=url) from error
            stack.push_async_callback(_close, chromium)
            processes.limit(mark, settings.browser_memory)
            return _Running(chromium, stack.pop_all())
        raise AssertionError("an exit stack does not swallow errors")


async def _close(chromium: Chromium) -> None:
    # One that does not close in time is killed right after.
    with suppress(Exception):
        async with asyncio.timeout(CLOSE_WITHIN):
            await chromium.close()


async def _load(context: BrowserContext, page: Page, settings: FetchSettings) -> str | None:
    """The document when its scripts have come to rest; None for one that is too long."""
    from playwright.async_api import TimeoutError as Restless  # noqa: PLC0415 - as above

    tab = await context.new_page()
    await context.route("**/*", _Traffic(page).decide)
    await tab.goto(page.url, wait_until="commit", timeout=0)
    with suppress(Restless):  # a page that polls never rests: it is taken as it is then
        await tab.wait_for_load_state("networkidle", timeout=settings.browser_settle * 1000)
    session = await context.new_cdp_session(tab)
    frame = (await session.send("Page.getFrameTree"))["frameTree"]["frame"]["id"]
    world = await session.send("Page.createIsolatedWorld", {"frameId": frame})
    question = {
        "expression": _READ % settings.body_limit,
        "contextId": world["executionContextId"],
        "returnByValue": True,
    }
    found: dict[str, Any] = await session.send("Runtime.evaluate", question)
    text: str | None = found["result"].get("value")
    return text


class _Traffic:
    """What a page's requests come to: its own is answered with the text that is here already, others go out.

    The page cannot leave for another one, which would be fetched without regard to robots.txt and pace. Images,
    media and fonts are of no use.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self._is_served = False

    async def decide(self, route: Route) -> None:
        from playwright.async_api import Error  # noqa: PLC0415 - as above

        with suppress(Error):  # the page is closed
            if not self._is_document(route):
                skipped = route.request.resource_type in _SKIPPED
                await (route.abort() if skipped else route.continue_())
            elif self._is_served:
                await route.fulfill(
                    status=204
                )  # nothing to go to: the page stays, where an error would replace it
            else:
                self._is_served = True
                await route.fulfill(body=self._page.text, content_type="text/html; charset=utf-8")

    @staticmethod
    def _is_document(route: Route) -> bool:
        if not route.request.is_navigation_request():
            return False
        try:
            return route.request.frame.parent_frame is None
        except Exception:  # noqa: BLE001 - the frame of a window that is about to open is not known yet
            return True


def _missing(url: str, what: str) -> FetchRefused:
    return FetchRefused("no-browser", f"rendering its scripts needs {what}", url=url)


def _too_large(page: Page, problem: str) -> FetchUnavailable:
    return FetchUnavailable("too-large", problem, url=page.url, status=page.status)
