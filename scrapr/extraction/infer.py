"""What a text repeats, as a configuration: its items, their fields and the next page; a proposal to look at.

Of a page, elements beside each other that look alike are candidates; the best is the one whose members are many,
hold text, and are made of the same several parts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import sqrt

from scrapr.extraction import fields, groups, infer_json, infer_xml, nextpage, proposal, scopes, xmltree
from scrapr.extraction.fields import Part
from scrapr.extraction.groups import LEAST, Group
from scrapr.extraction.page import Page
from scrapr.extraction.place import Node
from scrapr.extraction.proposal import Proposal

MAX_ELEMENTS = 30_000
"""Elements of a page that are looked at; what repeats does so from the start."""
_LOOKED_AT = 40
"""Members of a candidate that are compared."""
_TEXT_MOST = 400
_CANDIDATES = 12
_FITTING = 0.5
"""Part of the fields that a member has at least which is one."""
_ASIDE = frozenset({"nav", "header", "footer", "aside", "form", "select"})
_ASIDE_CLASS = re.compile(
    r"(?:^|[-_\s])(?:nav|navbar|navigation|footer|(?:sphinx)?sidebar|breadcrumbs?|menu|pagination)(?:$|[-_\s])",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Candidate:
    group: Group
    parts: list[Part]
    score: float


def infer(text: str, url: str) -> Proposal | None:
    """The best proposal for a page, a feed, a sitemap or JSON, or none where nothing is repeated."""
    if text.lstrip()[:1] in {"{", "["}:
        return infer_json.infer(text, url)
    if xmltree.is_xml(text):
        return infer_xml.infer(text, url)
    return _infer_page(Page(text, url))


def _infer_page(page: Page) -> Proposal | None:
    root = page.document.nodes[0]
    found = groups.find(root.css("body *")[:MAX_ELEMENTS])
    likely = sorted(found, key=lambda group: _rough(group.members), reverse=True)[:_CANDIDATES]
    for best in sorted(map(_judge, likely), key=lambda each: each.score, reverse=True):
        if best.score > 0 and (selector := fields.choose(best.parts)):
            scope, paginate = scopes.choose(page, best.group), nextpage.find(root, page.url)
            made = proposal.make(scope, {**selector}, paginate, page.text, page.url)
            if len(made.found.items) >= LEAST:
                return made
    return None


def _rough(members: list[Node]) -> float:
    shown = members[:_LOOKED_AT]
    return (
        min(len(members), 100) * sum(min(len(node.text_lexbor()), _TEXT_MOST) for node in shown) / len(shown)
    )


def _judge(group: Group) -> _Candidate:
    shown = group.members[:_LOOKED_AT]
    parts = fields.parts(shown)
    text = sum(min(len(" ".join(node.text_lexbor().split())), _TEXT_MOST) for node in shown) / len(shown)
    aside = 0.1 if _is_aside(shown[0]) else 1.0
    score = sqrt(min(len(group.members), 100)) * sqrt(text) * len(parts) ** 1.5 * aside
    return _Candidate(group, parts, score * _fitting(parts, len(shown)))


def _fitting(parts: list[Part], members: int) -> float:
    """The part of the members that have most of the fields: others are likely to be something else."""
    had = [sum(bool(part.values[at]) for part in parts) for at in range(members)]
    return sum(count >= _FITTING * len(parts) for count in had) / members


def _is_aside(node: Node) -> bool:
    above = node.parent
    while above is not None and above.tag != "body":
        if above.tag in _ASIDE or _ASIDE_CLASS.search(above.attrs.get("class") or ""):
            return True
        above = above.parent
    return False
