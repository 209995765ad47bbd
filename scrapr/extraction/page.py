"""A parsed page: its document, its address, and the tally of what was found in it."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any

from selectolax.lexbor import LexborDocumentOptions, LexborHTMLParser, SelectolaxError

from scrapr.extraction import links, microdata, search, sources, xmltree
from scrapr.extraction.haste import Haste
from scrapr.extraction.jsonpath import Path
from scrapr.extraction.place import Node, Place, Value
from scrapr.extraction.query import Query
from scrapr.extraction.sources import Source
from scrapr.extraction.syntax import SyntaxProblem
from scrapr.extraction.values import OpenList, OpenObject, Pending
from scrapr.model.errors import TooLarge

if TYPE_CHECKING:
    from scrapr.extraction.rules import Rules

MAX_TEXT = 32_000_000
"""Characters that one page's selectors may take together; nested elements repeat their text."""
MAX_FOLLOWS = 1_000
"""Links that may be followed from one page."""
MAX_SIBLING_PAIRS = 500_000_000
"""The sum of the squares of all elements' numbers of children, where a selector counts siblings: a second or two."""

_NOTHING = LexborHTMLParser("")


def check(query: Query, offset: int) -> None:
    """Refuse what lexbor cannot parse, which it tells only when a selector is applied."""
    texts = [query.everywhere, query.below, *(test.css for test in query.texts)]
    try:
        for text in [*texts, *(stage.below for stages in query.stages for stage in stages)]:
            _NOTHING.css(text)
    except SelectolaxError as error:
        raise SyntaxProblem(offset, "is no CSS selector that can be applied here") from error


class Page:
    """One page under extraction: its document, its address, and the tally of what was found in it."""

    def __init__(
        self,
        text: str,
        url: str,
        *,
        is_open: bool = False,
        is_json: bool = False,
        encoded: bytes | None = None,
        haste: Haste | None = None,
    ):
        self.unconverted: Counter[str] = Counter()
        if is_json:
            self._parser = LexborHTMLParser("")
        elif xmltree.is_xml(text):
            self._parser, is_whole = xmltree.parse(text)
            self.unconverted["source"] += not is_whole
        else:
            self._parser = LexborHTMLParser(encoded or _encode(text), options=LexborDocumentOptions.WO_EVENTS)
        root = self._parser.root
        self.document = Place([] if root is None else [root])
        self.text = text
        self.size = len(text)
        self.taken = 0
        self.has_marks = False
        """Elements carry attributes that are not the page's own."""
        self.url = url
        self.matches: Counter[str] = Counter()
        self.follows: list[tuple[str, Rules]] = []
        self.new_object: type[dict[str, Any]] = OpenObject if is_open else dict
        self.new_list: type[list[Any]] = OpenList if is_open else list
        self._scopes: dict[int, Place] = {}
        self._values: dict[object, list[Value]] = {}
        self._haste = haste

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

    def ready(self, query: Query) -> None:
        """Do what `query` needs before it is applied: mark the elements that hold its texts.

        Raises `TooLarge` where it would take time out of all proportion.
        """
        if query.counts_siblings and self._sibling_pairs > MAX_SIBLING_PAIRS:
            raise TooLarge(
                f"The page has too many elements beside each other for the selector {query.source!r}"
            )
        for test in query.texts:
            text, mark = test.text.lower() if test.any_case else test.text, test.mark
            for node in [node for root in self.document.nodes for node in root.css(test.css)]:
                held = node.text_lexbor()
                self.take(len(held), query.source)
                if text in (held.lower() if test.any_case else held):
                    node.attrs[mark] = ""
                    self.has_marks = True

    @cached_property
    def _sibling_pairs(self) -> int:
        if self.text.count("<") ** 2 <= MAX_SIBLING_PAIRS:
            return 0
        nodes = [node for root in self.document.nodes for node in root.css("*")]
        siblings = Counter(node.parent.mem_id for node in nodes if node.parent is not None)
        return sum(count * count for count in siblings.values())

    def scope(self, query: Query) -> Place:
        """All that `query` finds in the document; found once, however often it is asked for."""
        if (place := self._scopes.get(id(query))) is None:
            place = self._scopes[id(query)] = Place(self.everywhere(query))
            self.begin(len(place.nodes))
        return place

    def everywhere(self, query: Query) -> list[Node]:
        return [node for root in self.document.nodes for node in search.everywhere(root, query)]

    def first(self, query: Query) -> Node | None:
        return next((search.first(root, query) for root in self.document.nodes), None)

    @cached_property
    def json(self) -> list[Value]:
        """The page as one value of JSON; nothing where it is none, which is counted."""
        if not self.text.strip():
            return []
        try:
            return [Value(sources.read_json(self.text))]
        except ValueError:
            self.unconverted["source"] += 1
            return []

    def values(self, path: Path) -> list[Value]:
        """All that `path` finds in the page as JSON; found once."""
        if (found := self._values.get(path)) is None:
            found = [Value(each) for document in self.json for each in path.find(document.value)]
            self._values[path] = found
        return found

    def structured(self, source: Source, node: Node) -> list[Value]:
        """What an element holds as JSON-LD or microdata; read once. Broken JSON is counted, and left out."""
        key = (source, node.mem_id)
        if (found := self._values.get(key)) is None:
            read = self._jsonld(node) if source.kind == "jsonld" else microdata.read(node, self.base)
            found = self._values[key] = [Value(each) for each in source.select(read)]
        return found

    def _jsonld(self, node: Node) -> list[Any]:
        read: list[Any] = []
        for script in node.css('script[type="application/ld+json" i]'):
            try:
                read += sources.read_jsonld(script.text_lexbor())
            except ValueError:
                self.unconverted["@jsonld"] += 1
        return read

    def begin(self, elements: int = 1) -> None:
        """Say that a step from so many elements comes next. Raises `Overdue` where others wait too long for it."""
        if self._haste is not None:
            self._haste.begin(elements)

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


def _encode(text: str) -> bytes:
    """`text` in UTF-8, which cannot say lone surrogates."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
