"""The fields of items: what they have in common, and what of it differs between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from scrapr.extraction import fieldnames, labels
from scrapr.extraction.place import Node

MOST = 12
"""Fields that are proposed."""
PRESENT = 0.6
"""Part of the items that must have a field."""
_DISTINCT = 0.2
_TEXT_LONGEST = 2_000
_NODES = 400
"""Elements of one item that are looked at."""


@dataclass(frozen=True)
class _Seen:
    """What one item says at one place: in an attribute, or in its text where there is none."""

    path: str
    attribute: str
    node: Node
    value: str


@dataclass(frozen=True)
class Part:
    """One thing that most items have: where, what it says of each, and the element it was first seen in."""

    path: str
    attribute: str
    values: tuple[str, ...]
    node: Node

    @property
    def selector(self) -> str:
        """The selector string for it."""
        if not self.attribute:
            return f"{self.path} | collapse" if self.path else "@text | collapse"
        return f"{self.path}@{self.attribute}"


def parts(items: list[Node]) -> list[Part]:
    """What most of the items have, and what differs between them, in the order of the page."""
    found: dict[tuple[str, str], dict[int, _Seen]] = {}
    for at, seen in enumerate(_told_apart([list(_look_at(item)) for item in items])):
        for each in seen:
            found.setdefault((each.path, each.attribute), {}).setdefault(at, each)
    kept: dict[tuple[str, ...], Part] = {}
    for (path, attribute), said in found.items():
        column = tuple(said[at].value if at in said else "" for at in range(len(items)))
        if _tells(column):
            kept.setdefault(column, Part(path, attribute, column, next(iter(said.values())).node))
    return list(kept.values())


def _tells(column: tuple[str, ...]) -> bool:
    full = [value for value in column if value]
    distinct = len(set(full))
    return len(full) >= PRESENT * len(column) and distinct > 1 and distinct >= _DISTINCT * len(full)


def _told_apart(items: list[list[_Seen]]) -> list[list[_Seen]]:
    """The same with a build's classes in paths that find several elements of an item, where those tell them apart."""
    several: set[tuple[str, str]] = set()
    for seen in items:
        counted = Counter((each.path, each.attribute) for each in seen)
        several.update(place for place, count in counted.items() if count > 1)
    sharper = [[(each, _sharper(each, several)) for each in seen] for seen in items]
    ways: dict[str, set[str]] = {}
    for each, path in (pair for pairs in sharper for pair in pairs):
        ways.setdefault(each.path, set()).add(path)
    return [
        [replace(each, path=path) if len(ways[each.path]) > 1 else each for each, path in pairs]
        for pairs in sharper
    ]


def _sharper(seen: _Seen, several: set[tuple[str, str]]) -> str:
    names = labels.generated_classes(seen.node) if (seen.path, seen.attribute) in several else []
    if not names or labels.label(seen.node) != labels.tag(seen.node):
        return seen.path
    return labels.by_class(seen.node, names[0])


def _look_at(item: Node) -> Iterator[_Seen]:
    has_parts = False
    for node in item.css("*")[1:_NODES]:
        path = labels.path(node, item)
        for attribute, value in _values(node):
            has_parts = True
            yield _Seen(path, attribute, node, value)
    if not has_parts and (own := _own_text(item)):
        yield _Seen("", "", item, own)
    if item.tag == "a" and (link := item.attrs.get("href")):
        yield _Seen("", "href", item, link)


def _values(node: Node) -> Iterator[tuple[str, str]]:
    """What an element says: with the attribute that says it, or none for its text."""
    if node.tag == "img":
        yield "src", node.attrs.get("src") or ""
    elif node.tag == "time" and (moment := node.attrs.get("datetime")):
        yield "datetime", moment
    elif own := _own_text(node):
        yield "", own
    if node.tag == "a" and (link := node.attrs.get("href")):
        yield "href", link


def _own_text(node: Node) -> str:
    """The text of an element that holds some itself, not only within others."""
    if node.tag in {"script", "style", "svg", "button", "option"}:
        return ""
    child = node.child
    while child is not None:
        if child.is_text_node and (child.text_lexbor() or "").strip():
            return " ".join(node.text_lexbor().split())[:_TEXT_LONGEST]
        child = child.next
    return ""


def choose(found: list[Part]) -> dict[str, str]:
    """Names and selectors for the fields of a configuration."""
    chosen: dict[str, str] = {}
    for part in found[:MOST]:
        name = fieldnames.name(part.node, part.attribute, part.values)
        chosen[fieldnames.unused(name, chosen)] = part.selector
    return chosen
