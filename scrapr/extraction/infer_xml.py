"""What a feed, a sitemap or another XML text repeats, as a configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from scrapr.extraction import fieldnames, fields, labels, proposal
from scrapr.extraction.page import Page
from scrapr.extraction.place import Node, children
from scrapr.extraction.proposal import Proposal
from scrapr.model.item import JSON

_ITEMS = {"rss": "item", "rdf:rdf": "item", "feed": "entry", "urlset": "url", "sitemapindex": "sitemap"}
_LOOKED_AT = 40
_SPELT = {"pubdate": "pubDate"}
"""The tree has all names in small letters."""
_DATES = frozenset({"pubdate", "updated", "published", "lastmod", "date", "modified", "created"})
_TEXTS = frozenset({"title", "description", "summary", "content", "content:encoded"})
"""Elements that may hold HTML, as text or as elements."""
_LINKS = ("href", "url", "src")
_IDS = ("guid", "id", "loc", "link")
_TAG = re.compile(r"</?[a-z]|&\w+;", re.IGNORECASE)


@dataclass(frozen=True)
class _Said:
    """What an item says in one of its elements, or in the attribute of one."""

    name: str
    path: str
    attribute: str
    value: str


def infer(text: str, url: str) -> Proposal | None:
    """The proposal for the items of an XML text, if there are any."""
    page = Page(text, url)
    root = next(children(page.document.nodes[0]), None)
    scope, items = ("", []) if root is None else _items(root)
    if not (selector := _selector(items[:_LOOKED_AT])):
        return None
    made = proposal.make(scope, {**selector}, None, text, url, ids=_IDS)
    if not made.found.unconverted:
        return made
    as_text: dict[str, JSON] = {name: css.removesuffix(" | date") for name, css in selector.items()}
    return proposal.make(scope, as_text, None, text, url, ids=_IDS)


def _items(root: Node) -> tuple[str, list[Node]]:
    """The items of a feed or sitemap; in other texts, of the elements with parts those with the most beside them."""
    if (known := _ITEMS.get(root.tag or "")) is not None:
        return known, root.css(known)
    rows: dict[tuple[int, str | None], list[Node]] = {}
    for node in root.css("*")[1:]:
        if node.parent is not None and any(children(node)):
            rows.setdefault((node.parent.mem_id, node.tag), []).append(node)
    most = max(rows.values(), key=len, default=[])
    scope = " > ".join(labels.tag(node) for node in (most[0].parent, most[0]) if node) if most else ""
    return scope, most


def _selector(items: list[Node]) -> dict[str, str]:
    """The fields that most items have; their own before those within others, and those of other vocabularies."""
    nested = {node.tag or "" for item in items for part in children(item) for node in part.css("*")[1:]}
    found: dict[tuple[str, str], list[_Said]] = {}
    for item in items:
        said = {(each.path, each.attribute): each for each in _parts(item, nested)}
        for place, each in said.items():
            found.setdefault(place, []).append(each)
    selector: dict[str, str] = {}
    for said_of in sorted(found.values(), key=_rank):
        if len(said_of) >= fields.PRESENT * len(items) and len(selector) < fields.MOST:
            selector[fieldnames.unused(said_of[0].name, selector)] = _string(said_of)
    return selector


def _rank(said: list[_Said]) -> tuple[bool, bool]:
    path = said[0].path
    return "\\:" in path, " > " in path


def _parts(item: Node, nested: set[str]) -> Iterator[_Said]:
    if own := item.attrs.get("id"):
        yield _Said("id", "", "id", own)
    for part in children(item):
        yield from _look_at(part, nested)


def _look_at(node: Node, nested: set[str]) -> Iterator[_Said]:
    """What a part of an item says; what a part without a text of its own holds, too."""
    tag, inner = node.tag or "", list(children(node))
    path = ("> " if tag in nested else "") + (_SPELT.get(tag) or labels.tag(node))
    if inner and tag not in _TEXTS:
        for each in inner:
            if (value := _text(each)) and not any(children(each)):
                yield _Said(f"{_name(tag)}_{_name(each.tag)}", f"{path} > {labels.tag(each)}", "", value)
    elif value := _text(node):
        yield _Said(_name(tag), path, "", value)
    elif attribute := next((name for name in _LINKS if node.attrs.get(name)), ""):
        yield from _link(node, path, attribute)


def _link(node: Node, path: str, attribute: str) -> Iterator[_Said]:
    """The address that an element has; of Atom's links that of the entry's own page."""
    related = node.attrs.get("rel") or ""
    if related in {"", "alternate"}:
        which = "" if node.tag != "link" else "[rel=alternate]" if related else ":not([rel])"
        yield _Said(_name(node.tag), f"{path}{which}", attribute, node.attrs.get(attribute) or "")


def _text(node: Node) -> str:
    return " ".join((node.text_lexbor() or "").split())


def _name(tag: str | None) -> str:
    local = (tag or "").removesuffix(":encoded").rpartition(":")[2]
    return _SPELT.get(local) or fieldnames.slug(local) or "value"


def _string(said: list[_Said]) -> str:
    """The selector string for what most items say, with filters for what it looks like."""
    first = said[0]
    if first.attribute:
        return f"{first.path}@{first.attribute}"
    if first.name.lower() in _DATES:
        return f"{first.path} | collapse | date"
    has_tags = any(_TAG.search(each.value) for each in said)
    return f"{first.path} | {'html2text' if has_tags else 'collapse'}"
