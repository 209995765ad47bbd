"""What a page repeats, as a configuration: its items, their fields and the next page; a proposal to look at.

Elements beside each other that look alike are candidates; the best is the one whose members are many, hold text,
and are made of the same several parts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import sqrt

from selectolax.lexbor import LexborHTMLParser

from scrapr.extraction import fields, nextpage
from scrapr.extraction.extract import Extraction, extract
from scrapr.extraction.fields import Part
from scrapr.extraction.labels import container, stable_classes
from scrapr.extraction.place import Node
from scrapr.extraction.rules import compile_rules
from scrapr.model.item import JSON

MAX_ELEMENTS = 30_000
"""Elements of a page that are looked at; what repeats does so from the start."""
LEAST = 3
"""Members of what counts as repeated."""
_LOOKED_AT = 40
"""Members of a candidate that are compared."""
_TEXT_MOST = 400
_CANDIDATES = 12
_ASIDE = frozenset({"nav", "header", "footer", "aside", "form", "select"})
_ASIDE_CLASS = re.compile(
    r"(?:^|[-_\s])(?:nav|navbar|navigation|footer|(?:sphinx)?sidebar|breadcrumbs?|menu|pagination)(?:$|[-_\s])",
    re.IGNORECASE,
)
_IGNORED = frozenset(
    {"script", "style", "svg", "path", "option", "br", "head", "meta", "link", "template", "noscript"}
)


@dataclass(frozen=True)
class Proposal:
    """Selectors as a configuration has them, and what they find on the page."""

    scope: str
    selector: dict[str, str]
    paginate: str | None
    found: Extraction


@dataclass(frozen=True)
class _Candidate:
    scope: str
    members: list[Node]
    parts: list[Part]
    score: float


def infer(text: str, url: str) -> Proposal | None:
    """The best proposal for a page, or none where nothing is repeated at least three times."""
    parser = LexborHTMLParser(text.encode("utf-8", "replace"))
    root, body = parser.root, parser.body
    if root is None or body is None:
        return None
    groups = _groups(body.css("body *")[:MAX_ELEMENTS])
    likely = sorted(groups.items(), key=lambda group: _rough(group[1]), reverse=True)[:_CANDIDATES]
    candidates = sorted(
        (_judge(scope, members) for scope, members in likely), key=lambda each: each.score, reverse=True
    )
    for best in candidates:
        if best.score > 0 and (selector := fields.choose(best.parts)):
            paginate = nextpage.find(root, url)
            items: JSON = [{**selector}]
            found = extract(compile_rules(items, scope=best.scope, paginate=paginate), text, url)
            if len(found.items) >= LEAST:
                return Proposal(best.scope, selector, paginate, found)
    return None


def _groups(nodes: Iterable[Node]) -> dict[str, list[Node]]:
    """Elements by the selector that finds them, where some parent has several of them."""
    by_parent: dict[int, list[Node]] = {}
    for node in nodes:
        if node.tag not in _IGNORED and node.parent is not None:
            by_parent.setdefault(node.parent.mem_id, []).append(node)
    found: dict[str, dict[int, Node]] = {}
    for children in by_parent.values():
        if len(children) >= LEAST:
            for scope, members in _alike(children):
                found.setdefault(scope, {}).update((node.mem_id, node) for node in members)
    return {scope: list(members.values()) for scope, members in found.items()}


def _alike(children: list[Node]) -> Iterator[tuple[str, list[Node]]]:
    """The groups among children of one parent: those with the same class, or the same tag."""
    tags = Counter(node.tag or "" for node in children)
    for tag, count in tags.items():
        if count < LEAST:
            continue
        same = [node for node in children if node.tag == tag]
        classes = Counter(name for node in same for name in stable_classes(node))
        common = next((name for name, number in classes.items() if number >= LEAST), None)
        if common is not None:
            yield f"{tag}.{common}", [node for node in same if common in stable_classes(node)]
        if common is None or 2 * classes[common] < count:
            above = same[0].parent
            yield (tag if above is None or above.tag == "body" else f"{container(above)} > {tag}"), same


def _rough(members: list[Node]) -> float:
    shown = members[:_LOOKED_AT]
    return (
        min(len(members), 100) * sum(min(len(node.text_lexbor()), _TEXT_MOST) for node in shown) / len(shown)
    )


def _judge(scope: str, members: list[Node]) -> _Candidate:
    shown = members[:_LOOKED_AT]
    parts = fields.parts(shown)
    text = sum(min(len(" ".join(node.text_lexbor().split())), _TEXT_MOST) for node in shown) / len(shown)
    aside = 0.1 if _is_aside(shown[0]) else 1.0
    score = sqrt(min(len(members), 100)) * sqrt(text) * len(parts) ** 1.5 * aside
    return _Candidate(scope, members, parts, score)


def _is_aside(node: Node) -> bool:
    above = node.parent
    while above is not None and above.tag != "body":
        if above.tag in _ASIDE or _ASIDE_CLASS.search(above.attrs.get("class") or ""):
            return True
        above = above.parent
    return False
