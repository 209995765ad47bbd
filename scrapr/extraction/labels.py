"""Selectors for elements, made of what is likely to last: properties and classes, before tags."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scrapr.extraction import csstexts, generated, headers
from scrapr.extraction.place import Node

_STABLE = re.compile(r"[A-Za-z][A-Za-z_-]{1,40}")
_STATES = re.compile(
    r"(?:js|is|has)-|(?:active|current|odd|even|first|last|selected|clearfix|row|col)$", re.IGNORECASE
)
_HOOKS = ("data-testid", "data-test", "data-test-id", "data-qa", "data-cy", "data-component", "data-field")
"""Attributes by which a site's own tests find its elements: they outlast its classes."""
_DATA = re.compile(r"data(?:-(?!v-|react|astro|s-)[a-z]+)+")
_DEPTH = 3
_CELLS = frozenset({"td", "th", "dd"})


def stable_classes(node: Node) -> list[str]:
    """The classes of an element that tell what it is: no numbers, states, hooks of scripts or a build's hashes.

    Of a CSS module's class it is the beginning, with the `__` or `--` at its end.
    """
    names = _classes(node)
    made_up = generated.among(names)
    lasting = [generated.stem(name) if name in made_up else name for name in names]
    return [name for name in lasting if _STABLE.fullmatch(name) and not _STATES.match(name)]


def generated_classes(node: Node) -> list[str]:
    """The classes of an element that a build made up, as long as nothing of them lasts."""
    return [name for name in generated.among(_classes(node)) if not generated.stem(name)]


def _classes(node: Node) -> list[str]:
    return (node.attrs.get("class") or "").split()


def tag(node: Node) -> str:
    """The name of an element as a selector has it."""
    return "\\:".join(map(csstexts.identifier, (node.tag or "").split(":"))) or "*"


def by_class(node: Node, name: str) -> str:
    """A selector for elements like one, by one of its `stable_classes` or `generated_classes`."""
    if name.endswith(("__", "--")):
        return f"{tag(node)}[class*='{name}']"
    return f"{tag(node)}.{csstexts.identifier(name)}"


def label(node: Node) -> str:
    """A short selector for an element, without regard to where it is."""
    if name := node.attrs.get("itemprop"):
        return f"[itemprop={_quoted(name)}]"
    if classes := stable_classes(node):
        return by_class(node, classes[0])
    identity = node.attrs.get("id") or ""
    if _STABLE.fullmatch(identity) and not generated.is_generated(identity):
        return f"{tag(node)}#{identity}"
    return next((f"{tag(node)}[{name}={_quoted(value)}]" for name, value in hooks(node)), tag(node))


def hooks(node: Node) -> Iterator[tuple[str, str]]:
    """The names that a site's tests have for an element, with their attributes."""
    for name in _HOOKS:
        if _STABLE.fullmatch(value := node.attrs.get(name) or ""):
            yield name, value


def kinds(node: Node) -> list[str]:
    """Selectors for what an element is said to be, or to carry, beside its class."""
    found = []
    for name in ("itemtype", "role", *_HOOKS):
        value = node.attrs.get(name) or ""
        if value and (name == "itemtype" or _STABLE.fullmatch(value)):
            found.append(f"{tag(node)}[{name}={_quoted(value)}]")
    return [*found, *(f"{tag(node)}[{name}]" for name in node.attributes if _DATA.fullmatch(name))]


def _quoted(value: str) -> str:
    return csstexts.string(value).replace('"', "'")


def parent(node: Node) -> Node | None:
    """The element around one; the table of rows, whose tbody the page may not have."""
    above = node.parent
    return above.parent if above is not None and above.tag == "tbody" else above


def path(node: Node, top: Node) -> str:
    """A selector for an element below `top`; through named elements where it has no name of its own.

    What is in a cell that is counted is looked for in that cell, as other columns may have the like.
    """
    cell = parent(node)
    while cell is not None and cell.mem_id != top.mem_id and cell.tag not in _CELLS:
        cell = parent(cell)
    if cell is None or cell.mem_id == top.mem_id or ":nth-child" not in _counted(cell):
        return _climb(node, top)
    above = node.parent
    joint = " > " if above is not None and above.mem_id == cell.mem_id else " "
    return f"{_climb(cell, top)}{joint}{_climb(node, cell)}"


def _climb(node: Node, top: Node) -> str:
    steps = [_counted(node)]
    above = parent(node)
    while "." not in steps[0] and "[" not in steps[0] and len(steps) < _DEPTH:
        if above is None or above.mem_id == top.mem_id:
            break
        steps.insert(0, _counted(above))
        above = parent(above)
    return " > ".join(steps)


def _counted(node: Node) -> str:
    """The label of an element; cells without one of their own, and those below a header, are counted."""
    own = label(node)
    if node.tag not in _CELLS or node.attrs.get("itemprop"):
        return own
    if own != tag(node) and not headers.above(node) and not _is_shared(node, own):
        return own
    return f"{node.tag}:nth-child({_place(node)})"


def _is_shared(cell: Node, own: str) -> bool:
    return any(label(other) == own for other in headers.cells(cell.parent) if other.mem_id != cell.mem_id)


def _place(node: Node) -> int:
    place, before = 1, node.prev
    while before is not None:
        place += before.is_element_node
        before = before.prev
    return place
