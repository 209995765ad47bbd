"""The selector that finds the members of a group, and as little else as can be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from scrapr.extraction import csstexts, headers, labels
from scrapr.extraction.groups import Group, shape
from scrapr.extraction.page import Page
from scrapr.extraction.place import Node, children
from scrapr.extraction.query import prepare

_DEPTH = 4
_NAMED = 3
_LOOKED_AT = 40
_USUAL = 0.2
"""Part of the members that are alike before an element elsewhere that is like them counts as one of them."""
_OTHERS = 2_000
"""Elements that are no members and are looked at, for each way."""
_TELLING = ("h1", "h2", "h3", "h4", "h5", "h6", "img", "time", "article", "a")


def choose(page: Page, group: Group) -> str:
    """The first of the ways to say it that finds all members and nothing unlike them, else the best of them."""
    best, fewest = "", float("inf")
    wrong_of = _judge(group)
    for scope in _ways(group):
        wrong = wrong_of(_everywhere(page, scope))
        if wrong < fewest:
            best, fewest = scope, wrong
        if not wrong:
            break
    return best


def _judge(group: Group) -> Callable[[list[Node]], int]:
    """What counts the members that a selector misses, and the elements unlike them that it finds."""
    shown = group.members[:_LOOKED_AT]
    shapes = Counter(map(shape, shown))
    usual = {each for each, count in shapes.items() if count >= _USUAL * len(shown)}
    wanted = {node.mem_id for node in group.members}

    def wrong(found: list[Node]) -> int:
        others = [node for node in found if node.mem_id not in wanted][:_OTHERS]
        missed = wanted - {node.mem_id for node in found}
        return len(missed) + sum(shape(node) not in usual for node in others)

    return wrong


def _everywhere(page: Page, scope: str) -> list[Node]:
    query = prepare(scope)
    page.ready(query)
    return page.everywhere(query)


def _ways(group: Group) -> Iterator[str]:
    first = group.members[0]
    ways = _by_name(first, group.name) if group.name else _by_place(first, group.members)
    for way in ways:
        yield way
        if first.tag == "tr":
            yield f"{way}:has(td)"


def _by_name(first: Node, name: str) -> Iterator[str]:
    yield labels.by_class(first, name)


def _by_place(first: Node, members: list[Node]) -> Iterator[str]:
    """By what members are said to be, by where they are, by what they hold, and at last by what a build calls them."""
    tag = labels.tag(first)
    yield from (way for way in labels.kinds(first) if _is_common(way, members))
    yield from _within(first, tag)
    yield from _by_header(first)
    yield from (way for held in _held(first, members) for way in _within(first, f"{tag}:has(> {held})"))
    yield from _by_generated(first, members)


def _by_generated(first: Node, members: list[Node]) -> Iterator[str]:
    """By the classes that a build gave the parent, the members, or both."""
    above = labels.parent(first)
    around = (
        [] if above is None else [labels.by_class(above, name) for name in labels.generated_classes(above)]
    )
    yield from (f"{parent} > {labels.tag(first)}" for parent in around)
    for name in labels.generated_classes(first):
        if all(name in labels.generated_classes(node) for node in members[:_LOOKED_AT]):
            own = labels.by_class(first, name)
            yield own
            yield from _within(first, own)
            yield from (f"{parent} > {own}" for parent in around)


def _is_common(way: str, members: list[Node]) -> bool:
    return all(way in labels.kinds(node) for node in members[:_LOOKED_AT])


def _within(first: Node, own: str) -> Iterator[str]:
    """By the parent, by a name further above, by a chain of ancestors."""
    above = _ancestors(first)
    if not above:
        yield own
        yield f"body > {own}"
        return
    yield f"{labels.label(above[0])} > {own}"
    named = [labels.label(node) for node in above[1:] if labels.label(node) != labels.tag(node)]
    yield from (f"{name} {labels.tag(above[0])} > {own}" for name in named[:_NAMED])
    chain = own
    for node in above[:_DEPTH]:
        chain = f"{labels.label(node)} > {chain}"
        yield chain


def _ancestors(node: Node) -> list[Node]:
    """The elements around one, without the page's body and what is around that."""
    found = []
    above = labels.parent(node)
    while above is not None and above.tag not in {"body", "html"}:
        found.append(above)
        above = labels.parent(above)
    return found


def _by_header(first: Node) -> Iterator[str]:
    """Rows of the table that has a column of this name: of several tables without names."""
    if first.tag == "tr":
        for text in dict.fromkeys(headers.columns(first).values()):
            yield f"table:has(th:contains({csstexts.string(text)})) > tr"


def _held(first: Node, members: list[Node]) -> list[str]:
    """What is in each member and says more than that there is a block."""
    if first.tag == "tr":
        return []
    within = [{child.tag for child in children(node)} for node in members[:_LOOKED_AT]]
    return [tag for tag in _TELLING if all(tag in tags for tags in within)]
