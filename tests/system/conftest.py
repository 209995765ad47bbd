"""The whole product, started once as a user would, and sites for it to scrape."""

from __future__ import annotations

import functools
import http.server
import importlib.util
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.components import require
from tests.system.machine import Machine, running

CHROMIUM = Path("/usr/bin/chromium")
PATIENCE = 60_000
"""Milliseconds for what a browser waits for."""
Site = Callable[[str, str | bytes | int], str]


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A `scrapr up` that tests share; each uses collections of its own."""
    with running(tmp_path_factory.mktemp("machine") / "data") as started:
        yield started


class _Pages(http.server.BaseHTTPRequestHandler):
    """Answers from `pages`: text is a page, a number is a status."""

    pages: dict[str, str | bytes | int]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        answer = self.pages.get(self.path, 404)
        status = answer if isinstance(answer, int) else 200
        body = b"" if isinstance(answer, int) else answer.encode() if isinstance(answer, str) else answer
        self.send_response(status)
        kind = "text/html; charset=utf-8" if isinstance(answer, str) else "application/octet-stream"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[Site]:
    """A site on loopback: `site("/list", "<html>…")` puts a page there and gives its URL; a number is a status."""
    pages: dict[str, str | bytes | int] = {}
    with serving_pages(pages) as base:

        def put(path: str, answer: str | bytes | int) -> str:
            pages[path] = answer
            return base + path

        yield put


@contextmanager
def serving_pages(pages: dict[str, str | bytes | int], address: str = "127.0.0.1") -> Iterator[str]:
    """Serve `pages` by their paths, as they are at each request."""
    with serving(type("Pages", (_Pages,), {"pages": pages}), address) as base:
        yield base


@contextmanager
def serving(handler: Any, address: str = "127.0.0.1") -> Iterator[str]:
    """Serve on a free port of the address from a thread; the URL."""
    with http.server.ThreadingHTTPServer((address, 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://{address}:{server.server_address[1]}"
        finally:
            # Without it the thread of a test that failed would keep the whole test run from ending.
            server.shutdown()
            thread.join()


@contextmanager
def serving_folder(folder: Path) -> Iterator[str]:
    """Serve the files of a folder."""

    class Files(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with serving(functools.partial(Files, directory=str(folder))) as base:
        yield base


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium without a page. Not for a whole session: while it is there, no other event loop may run."""
    missing = None if CHROMIUM.exists() else f"there is no {CHROMIUM}"
    if importlib.util.find_spec("playwright") is None:
        missing = "the extra scrapr[browser] is not installed"
    require("chromium", missing)
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - an extra

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE
        )
        yield chromium
        chromium.close()
