"""Scrapy as its manual says, without delays and robots.txt. `MODE PAGES CONCURRENCY BASE OUT`."""
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201
# Its libraries, and so their types, live in the environment of the peers.

from __future__ import annotations

import json
import sys
import time

import scrapy
from scrapy.crawler import CrawlerProcess

MODE, PAGES, CONCURRENCY, BASE, OUT = (
    sys.argv[1],
    int(sys.argv[2]),
    int(sys.argv[3]),
    sys.argv[4],
    sys.argv[5],
)
told = {"pages": 0, "items": 0}


class Restaurants(scrapy.Spider):
    """The spider."""

    name = "restaurants"

    async def start(self):
        """The clock runs from the first request."""
        told.update(seconds=-time.perf_counter(), cpu=-time.process_time())
        if MODE == "seq":
            yield scrapy.Request(f"{BASE}/seq/p1.html")
        else:
            for number in range(1, PAGES + 1):
                yield scrapy.Request(f"{BASE}/ind/{number}.html")

    def parse(self, response):
        """The items of a page, and the next one."""
        told["pages"] += 1
        for card in response.css("li.resultItem"):
            link = card.css("h3.resultItem-name a")
            told["items"] += 1
            yield {
                "title": link.css("::text").get(),
                "url": response.urljoin(link.attrib["href"]),
                "address": card.css("div.resultItem-address::text").get(),
                "price": card.css("div.resultItem-price .price::text").get(),
            }
        following = response.css("div.pagination li.next a::attr(href)").get()
        if MODE == "seq" and following and told["pages"] < PAGES:
            yield response.follow(following)

    def closed(self, _reason):
        """The clock stops."""
        told["seconds"] += time.perf_counter()
        told["cpu"] += time.process_time()


process = CrawlerProcess(
    {
        "LOG_LEVEL": "ERROR",
        "ROBOTSTXT_OBEY": False,
        "TELNETCONSOLE_ENABLED": False,
        "DOWNLOAD_DELAY": 0,
        "CONCURRENT_REQUESTS": CONCURRENCY,
        "CONCURRENT_REQUESTS_PER_DOMAIN": CONCURRENCY,
        "FEEDS": {OUT: {"format": "jsonlines", "overwrite": True}},
    }
)
process.crawl(Restaurants)
process.start()
print(json.dumps(told))
