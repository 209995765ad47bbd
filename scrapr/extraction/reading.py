"""What is read off an element: its text, its inner HTML, or an attribute, as cheerio gives them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from scrapr.extraction import links, texts
from scrapr.extraction.compounds import TEXT_MARK
from scrapr.extraction.page import MAX_TEXT, Page
from scrapr.extraction.place import Node, Value
from scrapr.extraction.values import MISSING
from scrapr.model.errors import TooLarge

Reading = Callable[[Page, Sequence[Any]], list[Any]]

MAX_TEMPLATES = 1000
"""`<template>`s in a page whose HTML is read: lexbor's serialiser recurses into them and may exhaust the stack."""

_MARKS = re.compile(rf' {TEXT_MARK}[0-9a-f]{{16}}=""')
_BOOLEAN = {
    *("async", "autofocus", "autoplay", "checked", "controls", "defer", "disabled", "hidden"),
    *("loop", "multiple", "open", "readonly", "required", "scoped", "selected"),
}
"""Attributes whose value is their name, as in cheerio."""


def choose(attribute: str) -> Reading:
    """The reading for what stands after the `@` of a selector."""
    if attribute == "text":
        return read_text
    if attribute == "html":
        return read_html
    if attribute in links.LINKS:
        return _read_link(attribute)
    return _read_attribute(attribute)


def read_text(page: Page, nodes: Sequence[Node | None]) -> list[Any]:
    """The text of each element with all its descendants', scripts included; empty where there is no element."""
    if len(nodes) * page.size > MAX_TEXT:
        return _read_carefully(page, nodes, Node.text_lexbor, "")
    return ["" if node is None else node.text_lexbor() for node in nodes]


def read_html(page: Page, nodes: Sequence[Node | None]) -> list[Any]:
    """What is within each element as HTML; null where there is no element."""
    if page.templates > MAX_TEMPLATES:
        raise TooLarge(f"The page has more than {MAX_TEMPLATES} templates, so its HTML cannot be taken")
    values = _read_carefully(page, nodes, _inner_html, None)
    return [value and _MARKS.sub("", value) for value in values] if page.has_marks else values


def _inner_html(node: Node) -> str:
    return node.inner_html or ""


def _read_carefully(
    page: Page, nodes: Sequence[Node | None], read: Callable[[Node], str], none: str | None
) -> list[Any]:
    values: list[Any] = []
    for node in nodes:
        value = none if node is None else read(node)
        page.take(len(value or ""), "@text or @html")
        values.append(value)
    return values


def read_values(page: Page, found: Sequence[Value | None]) -> list[Any]:
    """The values found in JSON; absent where there is none."""
    values = [MISSING if each is None else each.value for each in found]
    if len(values) * page.size > MAX_TEXT:
        for value in values:
            page.take(0 if value is MISSING else len(texts.show(value)), "$")
    return values


def _read_attribute(name: str) -> Reading:
    def read(_page: Page, nodes: Sequence[Node | None]) -> list[Any]:
        return [MISSING if node is None else attribute(node, name) for node in nodes]

    return read


def _read_link(name: str) -> Reading:
    tags = links.LINKS[name]

    def read(page: Page, nodes: Sequence[Node | None]) -> list[Any]:
        join = page.base.join
        found: list[Any] = []
        for node in nodes:
            value = MISSING if node is None else attribute(node, name)
            if isinstance(value, str) and value and node is not None and node.tag in tags:
                value = join(value)
            found.append(value)
        return found

    return read


def attribute(node: Node, name: str) -> Any:
    """An attribute as cheerio 0.22 tells it, with its defaults for form elements."""
    attributes = node.attrs
    value = attributes.get(name)
    if value is not None or name in attributes:
        return name if name in _BOOLEAN else value or ""
    if name == "value":
        if node.tag == "option":
            return node.text_lexbor()
        if node.tag == "input" and attributes.get("type") in {"radio", "checkbox"}:
            return "on"
    return MISSING
