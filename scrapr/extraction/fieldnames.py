"""What fields are called: by the page's own words for them, else by what they look like."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Container

from scrapr.extraction import headers, labels
from scrapr.extraction.place import Node

_LONGEST = 40
_PRICE = re.compile(
    r"^\W{0,3}(?:[€$£¥]|EUR|USD|CHF)?\s*\d[\d.,]*\s*(?:[€$£¥]|EUR|USD|CHF)\W*$|^[€$£¥]\s*\d[\d.,]*$"
)
_DATE = re.compile(r"\b(?:19|20)\d\d[-/.]\d\d?[-/.]\d\d?\b|\b\d\d?[./]\d\d?[./](?:19|20)\d\d\b")
_WORD = re.compile(r"[a-z]+")
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_NAMES = {
    "a": "link",
    "img": "image",
    "time": "date",
    "p": "text",
    "b": "name",
    "strong": "name",
    "td": "column",
}
_DULL = frozenset(
    {"item", "js", "value", "text", "content", "wrapper", "inner", "reference", "internal", "btn"}
)


def name(node: Node, attribute: str, values: tuple[str, ...]) -> str:
    """What a field is called that takes the text or an attribute of an element."""
    if attribute == "href":
        return "url"
    if attribute == "src":
        return "image"
    by: tuple[Callable[[Node, tuple[str, ...]], str], ...] = (
        _by_property,
        _by_header,
        _by_class,
        _by_look,
        _by_tag,
    )
    return next(name for name_it in by if (name := name_it(node, values)))


def slug(text: str) -> str:
    """Words as a field's name: small letters and digits, `Größe (m²)` as `groesse_m2`."""
    plain = "".join(map(_plain, unicodedata.normalize("NFKC", text).lower()))
    return "_".join(re.findall(r"[^\W_]+", plain))[:_LONGEST].rstrip("_")


def _plain(letter: str) -> str:
    if letter in (told := {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}):
        return told[letter]
    base = unicodedata.normalize("NFD", letter)[0]
    return base if base.isascii() else letter


def unused(name: str, taken: Container[str]) -> str:
    """The name, with a number behind it where others have it."""
    number, free = 2, name
    while free in taken:
        free, number = f"{name}{number}", number + 1
    return free


def _by_property(node: Node, _values: tuple[str, ...]) -> str:
    return "_".join(_WORD.findall((node.attrs.get("itemprop") or "").lower()))


def _by_header(node: Node, _values: tuple[str, ...]) -> str:
    cell: Node | None = node
    while cell is not None and cell.tag not in {"td", "th", "table"}:
        cell = cell.parent
    return "" if cell is None else slug(headers.above(cell))


def _by_class(node: Node, _values: tuple[str, ...]) -> str:
    called = [*labels.stable_classes(node), *(value for _, value in labels.hooks(node))]
    if node.parent is not None and node.tag in {"a", "span", "b", "strong", "em"}:
        called += labels.stable_classes(node.parent)
    for each in called:
        last = re.split(r"--|__|-|_", each.rstrip("-_"))[-1]
        if words := [word for word in _WORD.findall(last.lower()) if word not in _DULL]:
            return "_".join(words)
    return ""


def _by_look(_node: Node, values: tuple[str, ...]) -> str:
    full = [value for value in values if value]
    if all(_PRICE.search(value) for value in full):
        return "price"
    return "date" if all(_DATE.search(value) for value in full) else ""


def _by_tag(node: Node, _values: tuple[str, ...]) -> str:
    above = node.parent.tag if node.parent is not None else ""
    if node.tag in _HEADINGS or above in _HEADINGS:
        return "title"
    return _NAMES.get(node.tag or "", "text")
