"""Extraction by configuration against hand-written lexbor on the same fields, in one process, interleaved.

    python bench/extraction.py [--rounds 300] [--items 30]

Prints the median CPU time per page of each and the median of their ratios: above 1, configurations are faster.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser, LexborNode

from scrapr.extraction.extract import extract
from scrapr.extraction.rules import compile_rules

URL = "http://127.0.0.1/list/p1.html"
WORDS = [
    *("harbor", "garden", "olive", "pepper", "saffron", "lotus", "maple", "river"),
    *("stone", "royal", "little", "grand", "corner", "market", "bridge", "anchor"),
]
FIELDS = {
    "title": "h3.resultItem-name a | trim",
    "url": "h3.resultItem-name a@href",
    "address": "div.resultItem-address | trim",
    "price": "div.resultItem-price .price | trim",
}
RULES = compile_rules([FIELDS], scope="li.resultItem", paginate="div.pagination li.next a@href")

Found = tuple[list[dict[str, str | None]], str | None]


def make_page(seed: int, items: int) -> str:
    """A listing of about 100 kB at 30 items, with the chrome that real ones have around it."""
    chance = random.Random(seed)
    styles = "".join(
        f".c{n}{{margin:{chance.randrange(40)}px;color:#{chance.randrange(1 << 24):06x}}}\n"
        for n in range(150)
    )
    menu = "".join(
        f'<li class="nav"><a href="/{word}"><span>{word}</span></a><ul>'
        + "".join(f'<li><a href="/{word}/{tag}">{tag}</a></li>' for tag in chance.sample(WORDS, 6))
        + "</ul></li>"
        for word in WORDS
    )
    cards = "".join(make_card(chance, n) for n in range(items))
    links = "".join(f'<li><a href="/about/{n}">{chance.choice(WORDS)}</a></li>' for n in range(100))
    return (
        f"<!DOCTYPE html><html><head><title>{seed}</title><style>{styles}</style></head><body><ul>{menu}</ul>"
        f'<ol class="list">{cards}</ol><div class="pagination"><ul><li><a href="p1.html">1</a></li>'
        f'<li class="next"><a href="p{seed + 1}.html">Next</a></li></ul></div><ul>{links}</ul></body></html>'
    )


def make_card(chance: random.Random, number: int) -> str:
    """One item with what surrounds its fields."""
    name = " ".join(chance.sample(WORDS, 2)).title()
    star = '<span class="star"><svg viewBox="0 0 24 24"><path d="M12 17l6 4-2-7 6-5-7-1L12 2z"></path></svg></span>'
    tags = "".join(f'<li class="tag"><a href="/tag/{tag}">{tag}</a></li>' for tag in chance.sample(WORDS, 4))
    return (
        f'<li class="resultItem js-card" data-id="{number}"><article class="card">'
        f'<a href="/r/{number}"><img src="/i.jpg"></a>'
        f'<h3 class="resultItem-name"><a href="/r/{number}-{name[:4].lower()}"> {name} </a></h3><div>{star * 5}</div>'
        f'<div class="resultItem-address">{chance.randrange(200)} High Street, {chance.choice(WORDS)}</div>'
        f'<div class="resultItem-price"><span class="price">&euro;{chance.randrange(99)}.50</span></div>'
        f'<ul class="tags">{tags}</ul><p>{" ".join(chance.choices(WORDS, k=40))}</p>'
        f'<div class="actions"><button class="btn">Save</button><a class="btn" href="/book/{number}">Book</a></div>'
        f"</article></li>\n"
    )


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


def measure(work: Callable[[str], Found], text: str) -> float:
    """CPU seconds."""
    start = time.process_time()
    work(text)
    return time.process_time() - start


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--items", type=int, default=30)
    arguments = parser.parse_args()
    pages = [make_page(seed, arguments.items) for seed in range(10)]
    if any(by_hand(page) != by_configuration(page) for page in pages):
        raise SystemExit("the two do not find the same")
    times: dict[Callable[[str], Found], list[float]] = {by_hand: [], by_configuration: []}
    for turn in range(arguments.rounds):
        order = (by_hand, by_configuration) if turn % 2 else (by_configuration, by_hand)
        for work in order:
            times[work].append(measure(work, pages[turn % len(pages)]))
    print(f"{len(pages[0]):,} characters, {arguments.items} items a page, {arguments.rounds} rounds")
    for work, found in times.items():
        print(f"{work.__name__:18} {statistics.median(found) * 1e6:8.0f} µs a page")
    ratios = [hand / ours for hand, ours in zip(times[by_hand], times[by_configuration], strict=True)]
    print(f"by_hand / by_configuration: {statistics.median(ratios):.2f} (goal: at least 0.90)")


if __name__ == "__main__":
    main()
