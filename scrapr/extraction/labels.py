"""Selectors for elements, made of what is likely to last: properties and classes, before tags."""

from __future__ import annotations

import re

from scrapr.extraction import csstexts
from scrapr.extraction.place import Node

_STABLE = re.compile(r"[A-Za-z][A-Za-z_-]{1,40}")
_STATES = re.compile(
    r"(?:js|is|has)-|(?:active|current|odd|even|first|last|selected|clearfix|row|col)$", re.IGNORECASE
)
_DEPTH = 3


def stable_classes(node: Node) -> list[str]:
    """The classes of an element that tell what it is: no numbers, states or hooks of scripts."""
    names = (node.attrs.get("class") or "").split()
    return [name for name in names if _STABLE.fullmatch(name) and not _STATES.match(name)]


def label(node: Node) -> str:
    """A short selector for an element, without regard to where it is."""
    if name := node.attrs.get("itemprop"):
        return f"[itemprop={csstexts.string(name)}]".replace('"', "'")
    if classes := stable_classes(node):
        return f"{node.tag}.{classes[0]}"
    identity = node.attrs.get("id") or ""
    return f"{node.tag}#{identity}" if _STABLE.fullmatch(identity) else node.tag or "*"


def container(node: Node) -> str:
    """A selector for the parent of repeated elements; the table of rows, whose tbody the page may not have."""
    table = node.parent if node.tag == "tbody" else None
    return label(node if table is None else table)


def path(node: Node, top: Node) -> str:
    """A selector for an element below `top`; through named elements where it has no name of its own."""
    own = _counted(node)
    steps = [own]
    above = node.parent
    while "." not in steps[0] and "[" not in steps[0] and len(steps) < _DEPTH:
        if above is None or above.mem_id == top.mem_id:
            break
        steps.insert(0, _counted(above))
        above = above.parent
    return " > ".join(steps)


def _counted(node: Node) -> str:
    own = label(node)
    if own not in {"td", "th", "dd"}:
        return own
    place, before = 1, node.prev
    while before is not None:
        place += before.is_element_node
        before = before.prev
    return f"{own}:nth-child({place})"
