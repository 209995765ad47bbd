"""XML texts (sitemaps, feeds) as trees that the same selectors work on as on pages.

HTML5 parsing would lose what `<link>` holds, CDATA and more. So the text is read by expat, which is part of Python,
and lexbor's tree is built from its events. Names keep their prefixes (`media:content`) and are in lower case, as
those of HTML elements are. Nothing outside the text is ever read: entities that the text declares end it.
"""

from __future__ import annotations

import html
from typing import Any
from xml.parsers import expat

import re2
from selectolax.lexbor import LexborHTMLParser, LexborNode

MAX_DEPTH = 500
"""Elements within each other."""
MAX_NODES = 2_000_000
"""Elements and attributes; a sitemap may have 50,000 entries."""

# RE2, whose time is linear whatever the text.
_START = re2.compile(
    r"(?is)\s*(?P<prolog><\?xml\s[^>]*\?>)?"
    r"(?:\s|<\?[^>]*\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[[^\]]*\][^>]*)?>)*<(?P<root>[\w:.\-]+)"
)
_KNOWN = frozenset({"urlset", "sitemapindex", "rss", "feed", "rdf:rdf", "opml"})
"""Roots of documents that come without the line `<?xml …?>`, too."""
_START_SIZE = 4_000
_PAGE = "<!doctype html>"


class _Stop(Exception):
    """The text does what it must not."""


def is_xml(text: str) -> bool:
    """Whether a text is XML and no page: by its first line, or its first element."""
    if text[: len(_PAGE)].lower() == _PAGE:
        return False  # as nearly all pages begin; the pattern takes as long as a tenth of an extraction
    beginning = text[:_START_SIZE].encode("utf-8", "replace").decode()
    if "<" not in beginning:
        return False
    start = _START.match(beginning)
    if start is None:
        return False
    root = start["root"].lower()
    return root in _KNOWN or (start["prolog"] is not None and root.rpartition(":")[2] != "html")


def parse(text: str) -> tuple[LexborHTMLParser, bool]:
    """The tree of an XML text, and whether all of the text is in it; else it holds what came before the fault."""
    builder = _Builder()
    return builder.document, builder.feed(text)


class _Builder:
    def __init__(self) -> None:
        self.document = LexborHTMLParser("")
        for part in (self.document.head, self.document.body):
            if part is not None:
                part.decompose()
        root = self.document.root
        self._open: list[LexborNode] = [] if root is None else [root]
        self._nodes = 0
        self._text: list[str] = []

    def feed(self, text: str) -> bool:
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.ordered_attributes = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.EntityDeclHandler = self._refuse
        # With a foreign DTD that is then not read, unknown entities are told instead of being an error.
        parser.UseForeignDTD(True)
        parser.ExternalEntityRefHandler = lambda *_: 1
        parser.SkippedEntityHandler = self._skipped
        try:
            parser.Parse(text.strip().encode("utf-8", "replace"), True)
        except (expat.ExpatError, _Stop):
            self._flush()
            return False
        return True

    def _start(self, name: str, attributes: list[str]) -> None:
        self._nodes += 1 + len(attributes) // 2
        if len(self._open) > MAX_DEPTH or self._nodes > MAX_NODES:
            raise _Stop
        self._flush()
        self._open[-1].insert_child(self.document.create_node(name.lower()))
        # What was inserted is a copy.
        node = self._open[-1].last_child
        if node is None:
            raise _Stop
        for at in range(0, len(attributes), 2):
            node.attrs[attributes[at].lower()] = attributes[at + 1]
        self._open.append(node)

    def _end(self, _name: str) -> None:
        self._flush()
        self._open.pop()

    def _flush(self) -> None:
        if self._text:
            self._open[-1].insert_child("".join(self._text))
            self._text.clear()

    def _skipped(self, name: str, is_parameter: bool) -> None:
        if not is_parameter:
            self._text.append(html.unescape(f"&{name};"))

    def _refuse(self, *_: Any) -> None:
        raise _Stop
