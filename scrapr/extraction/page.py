"""A parsed page, the places in it that selectors start from, and what they found there.

Only here is selectolax touched. Its traps: `css` starts at the node itself; a selector list may report a node twice;
`==` of nodes serialises both, so identity is `mem_id`; nodes must not outlive their parser.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from selectolax.lexbor import LexborDocumentOptions, LexborHTMLParser, LexborNode, SelectolaxError

from scrapr.extraction import links
from scrapr.extraction.css import Compound
from scrapr.extraction.query import MARK, Query
from scrapr.extraction.syntax import SyntaxProblem
from scrapr.extraction.values import OpenList, OpenObject, Pending
from scrapr.model.errors import TooLarge

if TYPE_CHECKING:
    from scrapr.extraction.rules import Rules

MAX_TEXT = 32_000_000
"""Characters that one page's selectors may take together; nested elements repeat their text."""
MAX_FOLLOWS = 1_000
"""Links that may be followed from one page."""

Node = LexborNode

_NOTHING = LexborHTMLParser("")


def check(query: Query, offset: int) -> None:
    """Refuse what lexbor cannot parse, which it tells only when a selector is applied."""
    try:
        _NOTHING.css(query.everywhere)
        _NOTHING.css(query.below)
    except SelectolaxError as error:
        raise SyntaxProblem(offset, "is no CSS selector that can be applied here") from error


class Place:
    """Elements that the same selectors start from, and how they and their ancestors are called."""

    def __init__(self, nodes: Sequence[Node]):
        self.nodes = nodes

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
            while above is not None and above.mem_id not in seen:
                seen[above.mem_id] = above
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


class Page:
    """One page under extraction: its document, its address, and the tally of what was found in it."""

    def __init__(self, text: str, url: str, *, is_open: bool = False):
        self._parser = LexborHTMLParser(_encodable(text), options=LexborDocumentOptions.WO_EVENTS)
        root = self._parser.root
        self.document = Place([] if root is None else [root])
        self.text = text
        self.size = len(text)
        self.taken = 0
        self.url = url
        self.matches: Counter[str] = Counter()
        self.unconverted: Counter[str] = Counter()
        self.follows: list[tuple[str, Rules]] = []
        self.new_object: type[dict[str, Any]] = OpenObject if is_open else dict
        self.new_list: type[list[Any]] = OpenList if is_open else list
        self._scopes: dict[int, Place] = {}

    @cached_property
    def base(self) -> links.Base:
        """What links are relative to: the page's address, or its `<base href>`."""
        head = self._parser.head
        element = None if head is None else head.css_first("base[href]")
        return links.Base(
            self.url if element is None else links.join(self.url, element.attributes["href"] or "")
        )

    @cached_property
    def templates(self) -> int:
        return self.text.lower().count("<template")

    def scope(self, query: Query) -> Place:
        """All that `query` finds in the document; found once, however often it is asked for."""
        if (place := self._scopes.get(id(query))) is None:
            place = self._scopes[id(query)] = Place(self.everywhere(query))
        return place

    def everywhere(self, query: Query) -> list[Node]:
        found = [node for root in self.document.nodes for node in root.css(query.everywhere)]
        return _once(found) if query.repeats else found

    def first(self, query: Query) -> Node | None:
        for root in self.document.nodes:
            return root.css_first(query.everywhere)
        return None

    def take(self, characters: int, path: str) -> None:
        """Account for text before it is made.

        Raises `TooLarge` when the page's selectors have taken more than `MAX_TEXT` together.
        """
        self.taken += characters
        if self.taken > MAX_TEXT:
            raise TooLarge(
                f"The selectors take more than {MAX_TEXT:,} characters from one page, the last of them {path}"
            )

    def follow(self, link: object, rules: Rules) -> Any:
        """What `rules` give for the page behind `link`: pending, or what an empty page gives if it is no link."""
        address = links.page_address(self.base.join(link)) if isinstance(link, str) else None
        if address is None:
            return rules.on_nothing
        if len(self.follows) >= MAX_FOLLOWS:
            raise TooLarge(f"The selectors follow more than {MAX_FOLLOWS:,} links from one page")
        self.follows.append((address, rules))
        return Pending(len(self.follows) - 1)


def _encodable(text: str) -> str:
    """`text` without lone surrogates, which no encoding can say."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _once(nodes: list[Node]) -> list[Node]:
    return list({node.mem_id: node for node in nodes}.values())


def first_below(place: Place, query: Query) -> list[Node | None]:
    """For each element of `place`, the first that `query` finds below it."""
    if place.may_leak(query):
        return [_first_below(node, query) for node in place.nodes]
    text = query.everywhere
    return [node.css_first(text) for node in place.nodes]


def all_below(place: Place, query: Query) -> list[list[Node]]:
    """For each element of `place`, all that `query` finds below it, in the order of the document."""
    if place.may_leak(query):
        return [_all_below(node, query) for node in place.nodes]
    text = query.everywhere
    found = [node.css(text) for node in place.nodes]
    return [_once(nodes) for nodes in found] if query.repeats else found


def all_at_or_below(place: Place, query: Query) -> list[list[Node]]:
    """For each element of `place`: itself if `query` finds it in the document, else all below it."""
    found = all_below(place, query)
    if place.may_be(query.subjects):
        return [[node] if _is(node, query) else nodes for node, nodes in zip(place.nodes, found, strict=True)]
    return found


def first_at_or_below(place: Place, query: Query) -> list[Node | None]:
    """For each element of `place`: itself if `query` finds it in the document, else the first below it."""
    found = first_below(place, query)
    if place.may_be(query.subjects):
        return [node if _is(node, query) else below for node, below in zip(place.nodes, found, strict=True)]
    return found


def _is(node: Node, query: Query) -> bool:
    found = node.css_first(query.everywhere)
    return found is not None and found.mem_id == node.mem_id


def _first_below(node: Node, query: Query) -> Node | None:
    node.attrs[MARK] = ""
    try:
        return node.css_first(query.below)
    finally:
        del node.attrs[MARK]


def _all_below(node: Node, query: Query) -> list[Node]:
    node.attrs[MARK] = ""
    try:
        return _once(node.css(query.below))
    finally:
        del node.attrs[MARK]
