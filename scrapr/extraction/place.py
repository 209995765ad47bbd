"""The places that selectors start from, and what those of their elements and surroundings are called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from selectolax.lexbor import LexborNode

from scrapr.extraction.compounds import Compound
from scrapr.extraction.query import Query

Node: TypeAlias = LexborNode
"""An element. `==` of nodes serialises both, so identity is `mem_id`."""


def children(node: Node) -> Iterator[Node]:
    """The elements directly within one."""
    child = node.child
    while child is not None:
        if child.is_element_node:
            yield child
        child = child.next


@dataclass(frozen=True, slots=True)
class Value:
    """A value of JSON, where selectors start from such instead of elements; null is one, too."""

    value: Any


class Place:
    """Elements, or values of JSON, that the same selectors start from."""

    def __init__(self, nodes: Sequence[Any]):
        self.nodes = nodes
        self.firsts: dict[int, list[Node | None]] = {}
        """What was found below, by the query's identity: title and link are often of one element."""

    @cached_property
    def tags(self) -> set[str]:
        return {_tag(node) for node in self.nodes}

    @cached_property
    def labels(self) -> set[str]:
        return _labels(self.nodes)

    @cached_property
    def _ancestors(self) -> list[Node]:
        seen: dict[int, Node] = {}
        for node in self.nodes:
            above = node.parent
            while above is not None and (identity := above.mem_id) not in seen:
                seen[identity] = above
                above = above.parent
        return list(seen.values())

    @cached_property
    def outer_tags(self) -> set[str]:
        return {_tag(node) for node in self._ancestors}

    @cached_property
    def outer_labels(self) -> set[str]:
        return _labels(self._ancestors)

    def may_be(self, compounds: Iterable[Compound]) -> bool:
        """Whether one of the elements could match one of `compounds`."""
        return any(
            (not it.tag or it.tag in self.tags) and (not it.labels or it.labels <= self.labels)
            for it in compounds
        )

    def may_be_within(self, compounds: Iterable[Compound]) -> bool:
        """Whether an ancestor of one of the elements could match one of `compounds`."""
        return any(
            (not it.tag or it.tag in self.outer_tags) and (not it.labels or it.labels <= self.outer_labels)
            for it in compounds
        )

    def may_leak(self, query: Query) -> bool:
        """Whether lexbor, looking for `query` from these elements, could find more than what is below them."""
        return query.always_below or self.may_be(query.single) or self.may_be_within(query.outer)


def _tag(node: Node) -> str:
    return (node.tag or "").lower()


def _labels(nodes: Iterable[Node]) -> set[str]:
    found: set[str] = set()
    for node in nodes:
        attributes = node.attributes
        found.update("." + name for name in (attributes.get("class") or "").lower().split())
        if identity := attributes.get("id"):
            found.add("#" + identity.lower())
    return found
