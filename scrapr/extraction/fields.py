"""The fields of items: what they have in common, what of it differs between them, and what it is called."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from scrapr.extraction import labels
from scrapr.extraction.place import Node

MOST = 12
"""Fields that are proposed."""
_PRESENT = 0.6
"""Part of the items that must have a field."""
_DISTINCT = 0.2
_TEXT_LONGEST = 2_000
_NODES = 400
"""Elements of one item that are looked at."""
_PRICE = re.compile(
    r"^\W{0,3}(?:[€$£¥]|EUR|USD|CHF)?\s*\d[\d.,]*\s*(?:[€$£¥]|EUR|USD|CHF)\W*$|^[€$£¥]\s*\d[\d.,]*$"
)
_DATE = re.compile(r"\b(?:19|20)\d\d[-/.]\d\d?[-/.]\d\d?\b|\b\d\d?[./]\d\d?[./](?:19|20)\d\d\b")
_WORD = re.compile(r"[a-z]+")
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_NAMES = {
    "a": "link",
    "img": "image",
    "time": "date",
    "p": "text",
    "b": "name",
    "strong": "name",
    "td": "column",
}
_DULL = frozenset(
    {"item", "js", "value", "text", "content", "wrapper", "inner", "reference", "internal", "btn"}
)


@dataclass(frozen=True)
class Part:
    """One thing that most items have: where, what it says of each, and the element it was first seen in."""

    selector: str
    values: tuple[str, ...]
    node: Node


def parts(items: list[Node]) -> list[Part]:
    """What most of the items have, and what differs between them, in the order of the page."""
    found: dict[str, dict[int, str]] = {}
    nodes: dict[str, Node] = {}
    for at, item in enumerate(items):
        for selector, node, value in _values(item):
            found.setdefault(selector, {}).setdefault(at, value)
            nodes.setdefault(selector, node)
    kept: list[Part] = []
    seen: set[tuple[str, ...]] = set()
    for selector, values in found.items():
        column = tuple(values.get(at, "") for at in range(len(items)))
        full = [value for value in column if value]
        if len(full) < _PRESENT * len(items) or column in seen or not _tells(full):
            continue
        seen.add(column)
        kept.append(Part(selector, column, nodes[selector]))
    return kept


def _tells(values: list[str]) -> bool:
    distinct = len(set(values))
    return distinct > 1 and distinct >= _DISTINCT * len(values)


def _values(item: Node) -> list[tuple[str, Node, str]]:
    found = []
    for node in item.css("*")[1:_NODES]:
        path = labels.path(node, item)
        attributes = node.attrs
        if node.tag == "img":
            found.append((f"{path}@src", node, attributes.get("src") or ""))
        elif node.tag == "time" and attributes.get("datetime"):
            found.append((f"{path}@datetime", node, attributes.get("datetime") or ""))
        elif own := _own_text(node):
            found.append((path, node, own))
        if node.tag == "a" and attributes.get("href"):
            found.append((f"{path}@href", node, attributes.get("href") or ""))
    if not found and (own := _own_text(item)):
        found.append(("@text", item, own))
    if item.tag == "a" and item.attrs.get("href"):
        found.append(("@href", item, item.attrs.get("href") or ""))
    return found


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
        name = _unused(_name(part), chosen)
        is_text = "@" not in part.selector or part.selector == "@text"
        chosen[name] = f"{part.selector} | collapse" if is_text else part.selector
    return chosen


def _unused(name: str, taken: dict[str, str]) -> str:
    number, free = 2, name
    while free in taken:
        free, number = f"{name}{number}", number + 1
    return free


def _name(part: Part) -> str:
    node, attribute = part.node, part.selector.rpartition("@")[2] if "@" in part.selector else ""
    if attribute == "href":
        return "url"
    if attribute == "src":
        return "image"
    by: tuple[Callable[[Node, tuple[str, ...]], str], ...] = (_by_property, _by_class, _by_look, _by_tag)
    return next(name for name_it in by if (name := name_it(node, part.values)))


def _by_property(node: Node, _values: tuple[str, ...]) -> str:
    return "_".join(_WORD.findall((node.attrs.get("itemprop") or "").lower()))


def _by_class(node: Node, _values: tuple[str, ...]) -> str:
    near = [node] if node.parent is None else [node, node.parent]
    for each in near if node.tag in {"a", "span", "b", "strong", "em"} else near[:1]:
        for name in labels.stable_classes(each):
            words = [
                word for word in _WORD.findall(re.split(r"--|__|-|_", name)[-1].lower()) if word not in _DULL
            ]
            if words:
                return "_".join(words)
    return ""


def _by_look(_node: Node, values: tuple[str, ...]) -> str:
    full = [value for value in values if value]
    if all(_PRICE.search(value) for value in full):
        return "price"
    return "date" if all(_DATE.search(value) for value in full) else ""


def _by_tag(node: Node, _values: tuple[str, ...]) -> str:
    above = node.parent.tag if node.parent is not None else ""
    if node.tag in _HEADINGS or above in _HEADINGS:
        return "title"
    return _NAMES.get(node.tag or "", "text")
