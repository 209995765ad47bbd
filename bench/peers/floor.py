"""The floor: aiohttp, uvloop and lexbor by hand, each page read where it arrives. `MODE PAGES CONCURRENCY BASE OUT`."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import BinaryIO, TypeAlias
from urllib.parse import urljoin

import aiohttp
import orjson
import uvloop
from selectolax.lexbor import LexborHTMLParser, LexborNode

Item: TypeAlias = dict[str, str | None]


class Floor:
    """Fetches, reads, and gives each page's items to whoever writes them."""

    def __init__(
        self, session: aiohttp.ClientSession, write: Callable[[list[Item]], Awaitable[None]]
    ) -> None:
        self.pages = self.items = 0
        self._session = session
        self._write = write

    async def take(self, url: str) -> str | None:
        """One page; the next link."""
        async with self._session.get(url) as response:
            body = await response.read()
        tree = LexborHTMLParser(body)
        items: list[Item] = []
        for card in tree.css("li.resultItem"):
            link = card.css_first("h3.resultItem-name a")
            item = {
                "title": _text(link),
                "url": urljoin(url, (link.attributes["href"] if link else None) or ""),
                "address": _text(card.css_first("div.resultItem-address")),
                "price": _text(card.css_first("div.resultItem-price .price")),
            }
            items.append(item)
        self.pages += 1
        self.items += len(items)
        await self._write(items)
        following = tree.css_first("div.pagination li.next a")
        return urljoin(url, following.attributes["href"] or "") if following else None


def _text(node: LexborNode | None) -> str | None:
    return node.text(strip=True) if node is not None else None


async def scrape(floor: Floor, mode: str, pages: int, concurrency: int, base: str) -> None:
    """All pages, one after the other by their links, or so many at the same time."""
    if mode == "seq":
        url: str | None = f"{base}/seq/p1.html"
        while url and floor.pages < pages:
            url = await floor.take(url)
        return
    numbers = iter(range(1, pages + 1))

    async def work() -> None:
        for number in numbers:
            await floor.take(f"{base}/ind/{number}.html")

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(work())


def open_session() -> aiohttp.ClientSession:
    """A session without limits of its own, for bodies as they are."""
    connector = aiohttp.TCPConnector(limit=0)
    return aiohttp.ClientSession(connector=connector, headers={"Accept-Encoding": "identity"})


async def main(mode: str, pages: int, concurrency: int, base: str, out: BinaryIO) -> None:
    """Run and print one line of JSON."""

    async def write(items: list[Item]) -> None:
        out.write(b"".join([orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE) for item in items]))

    async with open_session() as session:
        floor = Floor(session, write)
        started, cpu = time.perf_counter(), time.process_time()
        await scrape(floor, mode, pages, concurrency, base)
        out.flush()
        spent = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}
    print(json.dumps({"pages": floor.pages, "items": floor.items, **spent}))


if __name__ == "__main__":
    with open(sys.argv[5], "wb") as file:  # noqa: PTH123 - written as by hand
        uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], file))
