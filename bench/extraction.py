"""Extraction by configuration against hand-written lexbor on the same fields, in one process, in turn.

Run with `make bench-extraction`. Prints the median CPU time per page of each and the median of their ratios: above 1,
configurations are faster.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser, LexborNode

from bench.site import make_page
from bench.whole import PAGINATE, SCOPE, SELECTOR
from bench.work import ITEMS, Spread
from scrapr.extraction.extract import extract
from scrapr.extraction.rules import compile_rules

URL = "http://127.0.0.1/seq/p1.html"
LEAST = 0.9
RULES = compile_rules(SELECTOR, scope=SCOPE, paginate=PAGINATE)

Found: TypeAlias = tuple[list[dict[str, str | None]], str | None]
Way: TypeAlias = Callable[[str], Found]


def by_hand(text: str) -> Found:
    """What one would write for this page alone."""

    def read(node: LexborNode | None) -> str | None:
        return None if node is None else node.text(strip=True)

    tree = LexborHTMLParser(text)
    items = []
    for card in tree.css("li.resultItem"):
        link = card.css_first("h3.resultItem-name a")
        href = None if link is None else link.attributes["href"]
        items.append(
            {
                "title": read(link),
                "url": urljoin(URL, href or ""),
                "address": read(card.css_first("div.resultItem-address")),
                "price": read(card.css_first("div.resultItem-price .price")),
            }
        )
    following = tree.css_first("div.pagination li.next a")
    return items, None if following is None else urljoin(URL, following.attributes["href"] or "")


def by_configuration(text: str) -> Found:
    """The same, as `extract` does it for everyone."""
    found = extract(RULES, text, URL)
    return found.items, found.next_url  # type: ignore[return-value]  # these fields are text


def measure(work: Way, text: str) -> float:
    """CPU seconds."""
    start = time.process_time()
    work(text)
    return time.process_time() - start


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description="Measure extraction by configuration against lexbor by hand."
    )
    parser.add_argument("--rounds", type=int, default=300)
    rounds: int = parser.parse_args().rounds
    pages = [make_page(number, last=100, linked=True) for number in range(1, 11)]
    if any(by_hand(page) != by_configuration(page) for page in pages):
        raise SystemExit("the two do not find the same")
    ways: tuple[Way, Way] = (by_hand, by_configuration)
    times: dict[Way, list[float]] = {way: [] for way in ways}
    for turn in range(rounds):
        for way in ways if turn % 2 else reversed(ways):
            times[way].append(measure(way, pages[turn % len(pages)]))
    print(f"{len(pages[0]):,} characters, {ITEMS} items a page, {rounds} rounds")
    for way, seconds in times.items():
        print(f"{way.__name__:18} {Spread.of(seconds).median * 1e6:8.0f} µs a page")
    pairs = zip(times[by_hand], times[by_configuration], strict=True)
    ratio = Spread.of(hand / ours for hand, ours in pairs).median
    print(
        f"by_hand ÷ by_configuration: {ratio:.2f}, goal ≥ {LEAST}: {'holds' if ratio >= LEAST else 'SHORT'}"
    )


if __name__ == "__main__":
    main()
