"""scrapr's rooms without its roles: `fetching.Client` and `extract` by configuration, items written to a file.

`MODE PAGES CONCURRENCY BASE OUT [threads]`: with `threads`, pages are extracted in a thread, as the scraper does with
those that are not short.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from ipaddress import ip_network
from typing import BinaryIO

import orjson
import uvloop

from scrapr.extraction.extract import Extraction, extract
from scrapr.extraction.rules import compile_rules
from scrapr.fetching.client import Client
from scrapr.fetching.page import Page, Request
from scrapr.fetching.settings import FetchSettings

RULES = compile_rules(
    [
        {
            "title": "h3.resultItem-name a | trim",
            "url": "h3.resultItem-name a@href",
            "address": "div.resultItem-address | trim",
            "price": "div.resultItem-price .price | trim",
        }
    ],
    scope="li.resultItem",
    paginate="div.pagination li.next a@href",
)


class Rooms:
    """Fetches, extracts, writes."""

    def __init__(self, client: Client, out: BinaryIO, *, threads: bool) -> None:
        self.pages = self.items = 0
        self._client = client
        self._out = out
        self._threads = threads

    async def take(self, url: str) -> str | None:
        """One page; the next link."""
        found = await self._extract(await self._client.fetch(Request(url=url)))
        self.pages += 1
        self.items += len(found.items)
        self._out.write(
            b"".join(orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE) for item in found.items)
        )
        return found.next_url

    async def _extract(self, page: Page) -> Extraction:
        if self._threads:
            return await asyncio.to_thread(extract, RULES, page.text, page.url, page.encoded)
        return extract(RULES, page.text, page.url, page.encoded)


async def main(mode: str, pages: int, concurrency: int, base: str, out: BinaryIO, *, threads: bool) -> None:
    """Run and print one line of JSON."""
    allow = (ip_network("127.0.0.0/8"),)
    settings = FetchSettings(allow=allow, pace=0, adaptive=False, robots=False, per_host=concurrency)
    async with Client(settings) as client:
        rooms = Rooms(client, out, threads=threads)
        started, cpu = time.perf_counter(), time.process_time()
        if mode == "seq":
            url: str | None = f"{base}/seq/p1.html"
            while url and rooms.pages < pages:
                url = await rooms.take(url)
        else:
            numbers = iter(range(1, pages + 1))

            async def work() -> None:
                for number in numbers:
                    await rooms.take(f"{base}/ind/{number}.html")

            async with asyncio.TaskGroup() as group:
                for _ in range(concurrency):
                    group.create_task(work())
        out.flush()
        print(
            json.dumps(
                {
                    "pages": rooms.pages,
                    "items": rooms.items,
                    "seconds": time.perf_counter() - started,
                    "cpu": time.process_time() - cpu,
                }
            )
        )


if __name__ == "__main__":
    with open(sys.argv[5], "wb") as file:  # noqa: PTH123 - as the others do
        arguments = (sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], file)
        uvloop.run(main(*arguments, threads="threads" in sys.argv[6:]))
