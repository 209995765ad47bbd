"""Elements beside each other that look alike, and elements elsewhere that look like them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from scrapr.extraction import headers, labels
from scrapr.extraction.place import Node, children

LEAST = 3
"""Members of what counts as repeated."""
_IGNORED = frozenset(
    {"script", "style", "svg", "path", "option", "br", "head", "meta", "link", "template", "noscript"}
)
Shape: TypeAlias = Hashable
"""What tells unlike elements apart: a build's class and the children's tags, or what a row's columns are called."""


@dataclass(frozen=True)
class Group:
    """Elements that look alike, and the class that lasts by which they do, if they have one."""

    name: str | None
    members: list[Node]


def find(nodes: Iterable[Node]) -> list[Group]:
    """The groups in which some parent has several elements."""
    found: dict[Hashable, tuple[str | None, dict[int, Node]]] = {}
    for siblings in _by_parent(nodes):
        if len(siblings) >= LEAST:
            for name, kind, members in _alike(siblings):
                found.setdefault(kind, (name, {}))[1].update((node.mem_id, node) for node in members)
    return [Group(name, list(members.values())) for name, members in found.values()]


def _by_parent(nodes: Iterable[Node]) -> Iterable[list[Node]]:
    siblings: dict[int, list[Node]] = {}
    for node in nodes:
        if node.tag not in _IGNORED and node.parent is not None:
            siblings.setdefault(node.parent.mem_id, []).append(node)
    return siblings.values()


def _alike(siblings: list[Node]) -> Iterator[tuple[str | None, Hashable, list[Node]]]:
    """The groups among children of one parent: those with the same class, or the same tag."""
    by_tag: dict[str, list[Node]] = {}
    for node in siblings:
        if node.tag != "tr" or headers.is_data(node):
            by_tag.setdefault(node.tag or "", []).append(node)
    for tag, same in by_tag.items():
        if len(same) < LEAST:
            continue
        common, number = _shared(labels.stable_classes(node) for node in same)
        if number >= LEAST:
            yield common, (tag, common), [node for node in same if common in labels.stable_classes(node)]
        if number < len(same):
            yield from _nameless(tag, same)


def _nameless(tag: str, same: list[Node]) -> Iterator[tuple[None, Hashable, list[Node]]]:
    """All, and those of the same kind or class by a build: with others that are like them, within the like."""
    above = labels.parent(same[0])
    where = "" if above is None else labels.label(above)
    for names_of in (labels.kinds, labels.generated_classes):
        common, number = _shared(names_of(node) for node in same)
        if LEAST <= number < len(same):
            some = [node for node in same if common in names_of(node)]
            yield None, (tag, where, common, _usual(some)), some
    yield None, (tag, where, _usual(same)), same


def _shared(names: Iterable[list[str]]) -> tuple[str, int]:
    """The first name that enough have, and how many do."""
    counted = Counter(name for each in names for name in each)
    return next(((name, number) for name, number in counted.items() if number >= LEAST), ("", 0))


def _usual(members: list[Node]) -> Shape:
    return Counter(map(shape, members)).most_common(1)[0][0]


def shape(node: Node) -> Shape:
    """What an element is made of."""
    if node.tag == "tr":
        is_data = headers.is_data(node)
        return is_data, (is_data and tuple(headers.columns(node).items())) or headers.width(node)
    return next(iter(labels.generated_classes(node)), ""), frozenset(child.tag for child in children(node))
