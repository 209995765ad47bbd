"""Microdata of a page as objects, `{"type": […], "id": …, "properties": {name: […]}}`.

Source: WHATWG HTML, "Converting HTML to other formats: JSON" and "Values" of microdata. What the standard walks node
by node is here looked up once for the page: each property belongs to the nearest item that it is within. Beyond the
standard, `content` counts on every element that is no link, as the examples of schema.org have it.
"""

from __future__ import annotations

from typing import Any

from scrapr.extraction import csstexts
from scrapr.extraction.links import Base
from scrapr.extraction.place import Node
from scrapr.model.errors import TooLarge

MAX_ITEMS = 20_000
"""Objects made of one page; `itemref` lets one item be a part of many."""
MAX_DEPTH = 100
MAX_REFERENCES = 100
"""Names in one `itemref`."""

_LINKS = {
    **dict.fromkeys(("a", "area", "link"), "href"),
    **dict.fromkeys(("audio", "embed", "iframe", "img", "source", "track", "video"), "src"),
    "object": "data",
}
_VALUES = {"data": ("value",), "meter": ("value",), "time": ("datetime",)}


def read(root: Node, base: Base) -> list[dict[str, Any]]:
    """The top-level items at or below `root`.

    Raises `TooLarge` for more than `MAX_ITEMS`.
    """
    return _Microdata(root, base).items()


class _Microdata:
    def __init__(self, root: Node, base: Base):
        self._root = root
        self._base = base
        self._made = 0
        self._nodes = root.css("[itemprop], [itemscope]")
        self._order = {node.mem_id: at for at, node in reversed(list(enumerate(self._nodes)))}
        self._scopes = {node.mem_id for node in self._nodes if "itemscope" in node.attrs}
        self._nearest: dict[int, int | None] = {}
        self._owned: dict[int | None, list[Node]] = {}
        for node in sorted({each.mem_id: each for each in self._nodes}.values(), key=self._place):
            if node.attrs.get("itemprop"):
                self._owned.setdefault(self._owner(node), []).append(node)

    def items(self) -> list[dict[str, Any]]:
        tops = {
            node.mem_id: node for node in self._nodes if node.mem_id in self._scopes and self._is_top(node)
        }
        return [self._item(node, frozenset()) for node in tops.values()]

    def _is_top(self, node: Node) -> bool:
        """Whether an item is no part of another one below the root."""
        return "itemprop" not in node.attrs or (self._root.tag != "html" and self._owner(node) is None)

    def _place(self, node: Node) -> int:
        return self._order[node.mem_id]

    def _owner(self, node: Node) -> int | None:
        """The nearest item that the element is within."""
        path = []
        above = node.parent
        while above is not None:
            identity = above.mem_id
            if identity in self._scopes or identity in self._nearest:
                break
            path.append(identity)
            above = above.parent
        owner = None
        if above is not None:
            owner = above.mem_id if above.mem_id in self._scopes else self._nearest[above.mem_id]
        self._nearest.update(dict.fromkeys(path, owner))
        return owner

    def _item(self, node: Node, memory: frozenset[int]) -> dict[str, Any]:
        self._made += 1
        if self._made > MAX_ITEMS:
            raise TooLarge(f"The page's microdata has more than {MAX_ITEMS:,} items")
        found: dict[str, Any] = {}
        if types := (node.attrs.get("itemtype") or "").split():
            found["type"] = types
        if identity := node.attrs.get("itemid"):
            found["id"] = self._base.join(identity)
        properties: dict[str, list[Any]] = {}
        memory |= {node.mem_id}
        for part in self._properties(node):
            value = self._value(part, memory)
            for name in dict.fromkeys((part.attrs.get("itemprop") or "").split()):
                properties.setdefault(name, []).append(value)
        found["properties"] = properties
        return found

    def _properties(self, node: Node) -> list[Node]:
        parts = list(self._owned.get(node.mem_id, ()))
        references = (node.attrs.get("itemref") or "").split()[:MAX_REFERENCES]
        if not references:
            return parts
        for name in dict.fromkeys(references):
            other = self._root.css_first(f"[id={csstexts.string(name)}]")
            if other is not None:
                owner = self._owner(other)
                parts += [each for each in other.css("[itemprop]") if self._owner(each) == owner]
        return sorted({part.mem_id: part for part in parts}.values(), key=self._place)

    def _value(self, node: Node, memory: frozenset[int]) -> Any:
        if node.mem_id in self._scopes:
            if node.mem_id in memory or len(memory) > MAX_DEPTH:
                return "ERROR"
            return self._item(node, memory)
        tag = node.tag or ""
        if tag in _LINKS:
            link = node.attrs.get(_LINKS[tag])
            return self._base.join(link) if link else ""
        for name in ("content", *_VALUES.get(tag, ())):
            if (value := node.attrs.get(name)) is not None:
                return value
        return node.text_lexbor()
