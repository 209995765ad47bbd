"""What a robots.txt says to us."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from protego import Protego

_AGENT_LINE = re.compile(r"\s*user[- ]?agent\s*[:\s]\s*(?P<name>[^#]*)", re.IGNORECASE).match
_PRODUCT = re.compile(r"[A-Za-z_-]+").match
_OTHER: Final = "User-agent: -"


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules for one product: which URLs it may visit, and how many seconds apart.

    `parsed` is None where there is no such file, so that all may be visited, or where it is `unreadable`, so
    that nothing may.
    """

    product: str
    parsed: Any = None
    crawl_delay: float = 0.0
    unreadable: bool = False
    size: int = 0
    """Bytes of the file: what a URL costs to judge grows with that times its length."""

    def allow(self, url: str) -> bool:
        """Whether the product may visit the URL."""
        if self.parsed is None:
            return not self.unreadable
        return bool(self.parsed.can_fetch(url, self.product))


def product_token(user_agent: str) -> str:
    """The name by which a robots.txt calls a User-Agent: `scrapr` of `scrapr/1.0 (+https://…)`."""
    found = _PRODUCT(user_agent)
    return found.group().lower() if found else "*"


def parse(body: bytes, product: str) -> Rules:
    """The rules for `product` in the text of a robots.txt, however broken that is (RFC 9309).

    Protego's work grows with the number of agents times the number of rules, minutes for a hostile file of
    500 kB; so agents that do not mean us become one before it reads them.
    """
    lines = body.decode("utf-8-sig", "replace").splitlines()
    parsed = Protego.parse("\n".join(_only_ours(line, product) for line in lines))
    return Rules(product, parsed, crawl_delay=float(parsed.crawl_delay(product) or 0.0), size=len(body))


def _only_ours(line: str, product: str) -> str:
    found = _AGENT_LINE(line)
    if found is None:
        return line
    name = found["name"].strip().lower()
    if name == "*":
        return line
    # As Protego matches: asterisks in a name count for nothing, and a name means all products that it begins.
    name = name.replace("*", "").partition("/")[0]
    return f"User-agent: {name}" if name and product.startswith(name) else _OTHER
