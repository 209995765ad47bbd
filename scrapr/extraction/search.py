"""How queries are applied: in a document, below elements, and in stages where lexbor would take too long.

Lexbor's `css` starts at the node itself, and reports a node once for each alternative of a selector list it matches.
"""

from __future__ import annotations

from scrapr.extraction.place import Node, Place
from scrapr.extraction.query import MARK, Query, Stage

_FOUND = "scrapr-found"
"""An attribute that elements carry while they are put in order."""


def everywhere(root: Node, query: Query) -> list[Node]:
    """All that `query` finds in the document, in its order."""
    if query.stages:
        return _by_stages(root, query, is_document=True)
    found = root.css(query.everywhere)
    return _once(found) if query.repeats else found


def first(root: Node, query: Query) -> Node | None:
    """The first that `query` finds in the document."""
    if query.stages:
        return next(iter(everywhere(root, query)), None)
    return root.css_first(query.everywhere)


def all_below(place: Place, query: Query) -> list[list[Node]]:
    """For each element of `place`, all that `query` finds below it, in the order of the document."""
    if query.stages:
        return [_by_stages(node, query, is_document=False) for node in place.nodes]
    if place.may_leak(query):
        return [_marked(node, query.below) for node in place.nodes]
    text = query.everywhere
    found = [node.css(text) for node in place.nodes]
    return [_once(nodes) for nodes in found] if query.repeats else found


def first_below(place: Place, query: Query) -> list[Node | None]:
    """For each element of `place`, the first that `query` finds below it."""
    found = place.firsts.get(id(query))
    if found is None:
        found = place.firsts[id(query)] = _first_below(place, query)
    return found


def _first_below(place: Place, query: Query) -> list[Node | None]:
    if query.stages or place.may_leak(query):
        return [next(iter(nodes), None) for nodes in all_below(place, query)]
    text = query.everywhere
    return [node.css_first(text) for node in place.nodes]


def all_at_or_below(place: Place, query: Query) -> list[list[Node]]:
    """For each element of `place`: itself if `query` finds it in the document, else all below it."""
    found = all_below(place, query)
    if not place.may_be(query.subjects):
        return found
    itself = zip(place.nodes, _are(place, query), found, strict=True)
    return [[node] if is_it else nodes for node, is_it, nodes in itself]


def first_at_or_below(place: Place, query: Query) -> list[Node | None]:
    """For each element of `place`: itself if `query` finds it in the document, else the first below it."""
    return [next(iter(nodes), None) for nodes in all_at_or_below(place, query)]


def _are(place: Place, query: Query) -> list[bool]:
    """Whether each element of `place` is one that `query` finds in the document."""
    if query.stages:
        root = next((node.parser.root for node in place.nodes), None)
        found = set() if root is None else {node.mem_id for node in everywhere(root, query)}
        return [node.mem_id in found for node in place.nodes]
    firsts = [node.css_first(query.everywhere) for node in place.nodes]
    return [
        found is not None and found.mem_id == node.mem_id
        for node, found in zip(place.nodes, firsts, strict=True)
    ]


def _by_stages(start: Node, query: Query, *, is_document: bool) -> list[Node]:
    found: list[Node] = []
    for stages in query.stages:
        level = _once(start.css(stages[0].everywhere)) if is_document else _marked(start, stages[0].below)
        for stage in stages[1:]:
            level = _beside(level, stage, start) if stage.is_beside else _within(level, stage)
        found += level
    return _in_order(start, found) if len(query.stages) > 1 else found


def _within(level: list[Node], stage: Stage) -> list[Node]:
    return [found for above in _outermost(level) for found in _marked(above, stage.below)]


def _beside(level: list[Node], stage: Stage, start: Node) -> list[Node]:
    """What comes after the first of `level` under each parent; nothing comes beside `start`."""
    firsts: dict[int, tuple[Node, Node]] = {}
    for node in level:
        if (parent := node.parent) is not None and node.mem_id != start.mem_id:
            firsts.setdefault(parent.mem_id, (node, parent))
    found = [each for node, parent in firsts.values() for each in _marked(node, stage.below, start=parent)]
    return _in_order(start, found) if len(firsts) > 1 else found


def _marked(node: Node, css: str, *, start: Node | None = None) -> list[Node]:
    """What `css` finds at or below `start` (or `node` itself) while `node` is marked."""
    node.attrs[MARK] = ""
    try:
        return _once((start or node).css(css))
    finally:
        del node.attrs[MARK]


def _once(nodes: list[Node]) -> list[Node]:
    return list({node.mem_id: node for node in nodes}.values()) if len(nodes) > 1 else nodes


def _outermost(nodes: list[Node]) -> list[Node]:
    """Without the elements that are within others of `nodes`, which come in the order of the document."""
    if len(nodes) < 2:
        return nodes
    within: dict[int, bool] = {}
    found = []
    for node in nodes:
        path = []
        above = node.parent
        while above is not None and (identity := above.mem_id) not in within:
            path.append(identity)
            above = above.parent
        is_within = above is not None and within[above.mem_id]
        within.update(dict.fromkeys(path, is_within))
        within[node.mem_id] = True
        if not is_within:
            found.append(node)
    return found


def _in_order(start: Node, nodes: list[Node]) -> list[Node]:
    """`nodes`, all of them at or below `start`, each once and in the order of the document."""
    for node in nodes:
        node.attrs[_FOUND] = ""
    found = start.css(f"[{_FOUND}]")
    for node in found:
        del node.attrs[_FOUND]
    return found
