"""The link to the next page, found by what pages call it."""

from __future__ import annotations

import re

from scrapr.extraction import csstexts, links
from scrapr.extraction.labels import label
from scrapr.extraction.place import Node

_WORDS = "next|siguiente|weiter|nächste|suivante?|próxim[oa]|successiv[oa]|volgende|avanti|nästa|далее"
_TEXT = re.compile(
    rf"\W*(?:(?:{_WORDS})(?:\s+(?:page|seite|página|pagina))?|older(?:\s+posts)?)?\W*", re.IGNORECASE
)
_ARROW = re.compile(r"[›»→]|>{1,2}")
_CLASS = re.compile(rf"(?:^|[-_])(?:{_WORDS})(?:$|[-_])", re.IGNORECASE)
_LINKS = 5_000
_SURE = ("link[rel~=next]", "a[rel~=next]")
_AFTER = (
    "[aria-current=page] + a",
    ":has(> [aria-current=page]) + * > a",
    ".current + a",
    ".active + li > a",
    ".current + li > a",
)


def find(root: Node, url: str) -> str | None:
    """A selector string for the next page's link, or none."""
    for sure in _SURE:
        if _leads_on(root.css_first(f"{sure}[href]"), url):
            return f"{sure}@href"
    anchors = root.css("a[href]")[:_LINKS]
    for judge in (_by_class, _by_text):
        for anchor in anchors:
            if (selector := judge(anchor)) is not None and _leads_on(
                root.css_first(_plain(selector)) or anchor, url
            ):
                return f"{selector}@href"
    return next((f"{css}@href" for css in _AFTER if _is_number(root.css_first(css), url)), None)


def _plain(selector: str) -> str:
    """The selector as lexbor has it, or one that finds nothing."""
    return ":not(*)" if ":contains" in selector else selector


def _leads_on(node: Node | None, url: str) -> bool:
    if node is None:
        return False
    href = node.attrs.get("href") or ""
    address = links.join(url, href)
    return bool(href) and not href.startswith(("#", "javascript:")) and address.partition("#")[0] != url


def _by_class(anchor: Node) -> str | None:
    above = anchor.parent
    for name in (anchor.attrs.get("class") or "").split():
        if _CLASS.search(name):
            return f"a.{csstexts.identifier(name)}"
    for name in ((above.attrs.get("class") or "") if above is not None else "").split():
        if _CLASS.search(name) and above is not None:
            return f"{above.tag}.{csstexts.identifier(name)} > a"
    return None


def _by_text(anchor: Node) -> str | None:
    for name in ("aria-label", "title"):
        said = anchor.attrs.get(name) or ""
        if said.strip(" \n›»→>") and _TEXT.fullmatch(said):
            return f"a[{name}={csstexts.string(said)}]"
    said = anchor.text_lexbor().strip()
    word = re.sub(r"^\W+|\W+$", "", said)
    if word and _TEXT.fullmatch(said):
        return f"a:contains({csstexts.string(word)})"
    if _ARROW.fullmatch(said) and anchor.parent is not None:
        return f"{label(anchor.parent)} > a:contains({csstexts.string(said)})"
    return None


def _is_number(node: Node | None, url: str) -> bool:
    return node is not None and node.text_lexbor().strip().isdigit() and _leads_on(node, url)
