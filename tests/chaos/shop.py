"""A site whose goods change while they are scraped, and which knows itself what is true of it."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.system.conftest import serving

PER_PAGE = 25


@dataclass(frozen=True)
class Good:
    """What a shop says of one thing. Its `revision` is greater than all that the shop had before."""

    revision: int
    tag: str


class Shop:
    """Goods by their numbers. A number stays on its page, so that one run never meets it twice."""

    def __init__(self, name: str, dice: random.Random, size: int) -> None:
        self.name = name
        self.size = size
        self.shown: dict[str, set[str]] = {}
        """The tags that each title was ever shown with."""
        self._dice = dice
        self._lock = threading.Lock()
        self._revision = 0
        self._goods: dict[int, Good] = {}
        for number in range(size * 4 // 5):
            self._goods[number] = self._make()

    def _make(self) -> Good:
        self._revision += 1
        return Good(self._revision, f"t{self._dice.randrange(8)}")

    def change(self) -> None:
        """Add, change or remove one good; never so many that a run would look broken."""
        with self._lock:
            number = self._dice.randrange(self.size)
            if number in self._goods and self._dice.random() < 0.2 and len(self._goods) > self.size * 0.7:
                del self._goods[number]
            else:
                self._goods[number] = self._make()

    def expected(self) -> Mapping[str, Good]:
        """The goods by their titles, as they are now."""
        with self._lock:
            return {self._title(number): good for number, good in self._goods.items()}

    def _title(self, number: int) -> str:
        return f"{self.name} {number}"

    def page(self, page: int) -> str | None:
        """The HTML of a page; None beyond the last."""
        if not 0 <= page * PER_PAGE < self.size:
            return None
        with self._lock:
            numbers = range(page * PER_PAGE, min(self.size, (page + 1) * PER_PAGE))
            goods = [(self._title(each), self._goods[each]) for each in numbers if each in self._goods]
            for title, good in goods:
                self.shown.setdefault(title, set()).add(good.tag)
        rows = "".join(
            f"<li class=good><h3>{title}</h3><b>{good.revision}</b><i>{good.tag}</i></li>"
            for title, good in goods
        )
        more = (page + 1) * PER_PAGE < self.size
        link = f'<a class=next href="/{self.name}/{page + 1}">more</a>' if more else ""
        return f"<html><body><ul>{rows}</ul>{link}</body></html>"


def configuration(shop: Shop, base: str, collection: str, ttl: int) -> dict[str, Any]:
    """What a user posts to have the shop's goods."""
    selector = {"title": "h3", "revision": "b | number", "tag": "i"}
    return {
        "type": "scraper",
        "collection": collection,
        "ttl": ttl,
        "collect": {"tag": "tags"},
        "scraper": {
            "source": f"{base}/{shop.name}/0",
            "scope": "li.good",
            "selector": [selector],
            "paginate": "a.next@href",
        },
    }


@contextmanager
def open_street(shops: Mapping[str, Shop]) -> Iterator[str]:
    """Serve the shops, each under its name; the URL of the street."""

    class Pages(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name, _, number = self.path.strip("/").partition("/")
            shop = shops.get(name)
            page = shop.page(int(number)) if shop is not None else None
            body = (page or "").encode()
            self.send_response(404 if page is None else 200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with serving(Pages) as base:
        yield base
