"""aiohttp and parsel (lxml) by hand, on uvloop. `MODE PAGES CONCURRENCY BASE OUT`."""
# mypy: ignore-errors
# ruff: noqa: ANN001
# Its libraries, and so their types, live in the environment of the peers.

from __future__ import annotations

import asyncio
import json
import sys
import time
from urllib.parse import urljoin

import aiohttp
import orjson
import uvloop
from parsel import Selector


class Inline:
    """Fetches, reads, writes."""

    def __init__(self, session, out) -> None:
        self.pages = self.items = 0
        self._session = session
        self._out = out

    async def take(self, url: str) -> str | None:
        """One page; the next link."""
        async with self._session.get(url) as response:
            selector = Selector(text=(await response.read()).decode())
        for card in selector.css("li.resultItem"):
            link = card.css("h3.resultItem-name a")
            item = {
                "title": link.css("::text").get(),
                "url": urljoin(url, link.attrib["href"]),
                "address": card.css("div.resultItem-address::text").get(),
                "price": card.css("div.resultItem-price .price::text").get(),
            }
            self.items += 1
            self._out.write(orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE))
        self.pages += 1
        following = selector.css("div.pagination li.next a::attr(href)").get()
        return urljoin(url, following) if following else None


async def main(mode: str, pages: int, concurrency: int, base: str, out) -> None:
    """Run and print one line of JSON."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        inline = Inline(session, out)
        started, cpu = time.perf_counter(), time.process_time()
        if mode == "seq":
            url = f"{base}/seq/p1.html"
            while url and inline.pages < pages:
                url = await inline.take(url)
        else:
            numbers = iter(range(1, pages + 1))

            async def work() -> None:
                for number in numbers:
                    await inline.take(f"{base}/ind/{number}.html")

            async with asyncio.TaskGroup() as group:
                for _ in range(concurrency):
                    group.create_task(work())
        out.flush()
        told = {"pages": inline.pages, "items": inline.items}
        told |= {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}
        print(json.dumps(told))


if __name__ == "__main__":
    with open(sys.argv[5], "wb") as file:  # noqa: PTH123 - written as by hand
        uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], file))
