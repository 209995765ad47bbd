"""Pages that a command looks at: from the web, a file, or standard input."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapr.extraction.extract import Extraction
    from scrapr.extraction.rules import Rules
    from scrapr.fetching.client import Client
    from scrapr.fetching.page import Page
    from scrapr.roles.scraper.reading import Reader


def is_url(source: str) -> bool:
    """Whether a source is an address."""
    return source.lower().startswith(("http://", "https://"))


class Browser:
    """Gets pages and reads them as a scraper does, links that are followed included."""

    def __init__(self, client: Client, reader: Reader):
        self._client = client
        self._reader = reader

    async def get(self, source: str) -> Page:
        """The page at an address, in a file, or on standard input (`-`).

        Raises `Refused` where there is no such file or the address may not be visited, and `FetchFailed`.
        """
        from scrapr.fetching.errors import FetchFailed
        from scrapr.fetching.page import Request
        from scrapr.model.errors import Refused

        if not is_url(source):
            return _read(source)
        try:
            return await self._client.fetch(Request(url=source, expect="any"))
        except FetchFailed as error:
            if error.reason != "refused-address":
                raise
            hint = "SCRAPR_FETCH_ALLOW names networks that may be visited, as 127.0.0.0/8"
            raise Refused(f"{error.detail}; {hint}") from error

    async def extract(self, rules: Rules, page: Page) -> Extraction:
        """What `rules` find on the page, and on those that it links to."""
        return (await self._reader.read(rules, page)).extraction


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """A browser with this machine's settings."""
    from scrapr import settings
    from scrapr.fetching.client import Client
    from scrapr.roles.scraper.isolation import Isolation
    from scrapr.roles.scraper.reading import Reader
    from scrapr.runtime import log
    from scrapr.runtime.settings import LogSettings

    log.configure(LogSettings(level="error"), role="cli")
    loaded = settings.load()
    isolation = Isolation(loaded.scraper)
    async with Client(loaded.fetch) as client:
        try:
            yield Browser(client, Reader(client, isolation, loaded.scraper, None))
        finally:
            await isolation.close()


def _read(source: str) -> Page:
    """A file as a page without an address: its links stay as they are, unless its `<base>` tells more."""
    from scrapr.fetching import charset
    from scrapr.fetching.page import Page, Validators
    from scrapr.model.errors import Refused

    try:
        body = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Refused(f"{source}: {reason}; allowed: an http or https URL, a file, or -") from error
    text, name = charset.decode(body, None)
    return Page("", 200, text, name, "", Validators(), unchanged=False, size=len(body), seconds=0.0)
