"""Crawlee for Python with its parsel crawler, storage in memory. `MODE PAGES CONCURRENCY BASE OUT`."""
# mypy: ignore-errors
# ruff: noqa: ANN001
# Its libraries, and so their types, live in the environment of the peers.

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from urllib.parse import urljoin

from crawlee import ConcurrencySettings
from crawlee.crawlers import ParselCrawler
from crawlee.storage_clients import MemoryStorageClient


async def main(mode: str, pages: int, concurrency: int, base: str, out) -> None:
    """Run and print one line of JSON."""
    told = {"pages": 0, "items": 0}
    crawler = ParselCrawler(
        storage_client=MemoryStorageClient(),
        concurrency_settings=ConcurrencySettings(
            min_concurrency=concurrency, max_concurrency=concurrency, desired_concurrency=concurrency
        ),
        max_requests_per_crawl=pages,
        configure_logging=False,
    )

    @crawler.router.default_handler
    async def handle(context) -> None:
        told["pages"] += 1
        url = context.request.url
        for card in context.selector.css("li.resultItem"):
            link = card.css("h3.resultItem-name a")
            item = {
                "title": link.css("::text").get(),
                "url": urljoin(url, link.attrib["href"]),
                "address": card.css("div.resultItem-address::text").get(),
                "price": card.css("div.resultItem-price .price::text").get(),
            }
            told["items"] += 1
            out.write(json.dumps(item) + "\n")
        following = context.selector.css("div.pagination li.next a::attr(href)").get()
        if mode == "seq" and following and told["pages"] < pages:
            await context.add_requests([urljoin(url, following)])

    pages_of = [f"{base}/ind/{number}.html" for number in range(1, pages + 1)]
    started, cpu = time.perf_counter(), time.process_time()
    await crawler.run([f"{base}/seq/p1.html"] if mode == "seq" else pages_of)
    told |= {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}
    print(json.dumps(told))


logging.disable(logging.ERROR)
with open(sys.argv[5], "w") as file:  # noqa: PTH123 - as the others do
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], file))
