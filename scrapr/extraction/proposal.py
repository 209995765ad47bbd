"""A configuration's selectors as they are proposed, and what they find."""

from __future__ import annotations

from dataclasses import dataclass

from scrapr.extraction.extract import Extraction, extract
from scrapr.extraction.rules import compile_rules
from scrapr.model.item import JSON


@dataclass(frozen=True)
class Proposal:
    """Selectors as a configuration has them, and what they find on the page."""

    scope: str
    selector: dict[str, JSON]
    paginate: str | None
    key: tuple[str, ...]
    """The fields that tell items apart; none where that is `title`, as it is without being said."""
    found: Extraction


def make(
    scope: str,
    selector: dict[str, JSON],
    paginate: str | None,
    text: str,
    url: str,
    *,
    ids: tuple[str, ...] = (),
) -> Proposal:
    """The proposal with what it finds in a text; its key is the first of `ids` that each item has for itself."""
    items: JSON = [{**selector}]
    found = extract(compile_rules(items, scope=scope, paginate=paginate), text, url)
    distinct = {name: len({str(each[name]) for each in found.items if name in each}) for name in selector}
    own = next((name for name in ids if distinct.get(name) == len(found.items)), None)
    if own is None and "title" in selector:
        return Proposal(scope, selector, paginate, (), found)
    return Proposal(scope, selector, paginate, (own or max(distinct, key=distinct.__getitem__),), found)
