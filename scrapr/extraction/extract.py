"""From a page's text and rules to its value, its items and the next link."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from scrapr.extraction import links, valuefinding
from scrapr.extraction.haste import Haste
from scrapr.extraction.page import Page
from scrapr.extraction.plan import Single
from scrapr.extraction.query import Query
from scrapr.extraction.rules import Rules
from scrapr.extraction.values import MISSING, OpenObject, Pending, settle
from scrapr.model.item import JSON


@dataclass(frozen=True)
class Follow:
    """A link that a `{"$follow": …}` part asks to be followed, and the rules for the page behind it."""

    path: tuple[str | int, ...]
    """Where its result belongs, before empty items fall away: `(3, "page")` of the fourth item."""
    url: str
    rules: Rules


@dataclass(frozen=True)
class Extraction:
    """What was found on a page."""

    value: JSON
    """What X-Ray gives for the page; parts still to be followed are as on an empty page."""
    items: list[dict[str, JSON]]
    """The value as a list of objects; what is no object is one with a single field `value`."""
    next_url: str | None
    """The address of the next page, absolute and without a fragment."""
    matches: dict[str, int]
    """How many elements each selector found: `scope`, `title`, `address.city`, `paginate` …"""
    unconverted: dict[str, int]
    """For each field with a typed filter, how many values it could not convert; they are null."""
    follows: tuple[Follow, ...] = ()
    open_value: Any = field(default=None, repr=False)
    """The value with its pending parts, for `fill`."""


def extract(
    rules: Rules, text: str, url: str, encoded: bytes | None = None, haste: Haste | None = None
) -> Extraction:
    """Take out of a page at `url` what `rules` ask for; `encoded` is its text in UTF-8, if that is at hand.

    Raises `TooLarge` where the selectors take more of the page than is allowed, and `Overdue` in `haste`; nothing else,
    whatever the text.
    """
    is_json = rules.reads_json and text.lstrip()[:1] in {"{", "["}
    page = Page(text, url, is_open=rules.has_follows, is_json=is_json, encoded=encoded, haste=haste)
    page.begin()
    for query in rules.demanding:
        page.ready(query)
    found = next(iter(rules.plan.values(page, page.document)), MISSING)
    if isinstance(rules.scope_query, Query):
        page.matches["scope"] = len(page.scope(rules.scope_query).nodes)
    elif rules.scope_query is not None:
        page.matches["scope"] = valuefinding.count(page, rules.scope_query)
    next_url = None if rules.next_link is None else _find_next(page, rules.next_link)
    pending = sorted(_pending(found)) if page.follows else ()
    follows = tuple(Follow(path, *page.follows[index]) for index, path in pending)
    value = _settle(found, [each.rules.on_nothing for each in follows])
    return Extraction(
        value=value,
        items=as_items(value),
        next_url=next_url,
        matches=dict(page.matches),
        unconverted={name: count for name, count in page.unconverted.items() if count},
        follows=follows,
        open_value=found if follows else None,
    )


def fill(extraction: Extraction, results: Sequence[Extraction | None]) -> Extraction:
    """Put the results of `extraction.follows`, in their order, where they belong.

    `None` stands for a page that could not be had: its part is then as on an empty page. The results' counts join
    the extraction's under the path of their part.
    """
    values = [
        each.rules.on_nothing if result is None else MISSING if result.value is None else result.value
        for each, result in zip(extraction.follows, results, strict=True)
    ]
    matches, unconverted = Counter(extraction.matches), Counter(extraction.unconverted)
    for each, result in zip(extraction.follows, results, strict=True):
        prefix = ".".join(part for part in each.path if isinstance(part, str))
        for name, count in result.matches.items() if result else ():
            matches[f"{prefix}.{name}" if prefix else name] += count
        for name, count in result.unconverted.items() if result else ():
            unconverted[f"{prefix}.{name}" if prefix else name] += count
    value = _settle(extraction.open_value, values) if extraction.follows else extraction.value
    return replace(
        extraction, value=value, items=as_items(value), matches=dict(matches), unconverted=dict(unconverted)
    )


def _settle(value: Any, results: Sequence[Any]) -> JSON:
    settled: Any = settle(value, list(results))
    return None if settled is MISSING else settled


def as_items(value: JSON) -> list[dict[str, JSON]]:
    """`value` as a list of objects: each object as it is, anything else that is not empty as `{"value": …}`."""
    parts = value if isinstance(value, list) else [value]
    return [part if isinstance(part, dict) else {"value": part} for part in parts if _is_something(part)]


def _is_something(value: JSON) -> bool:
    return value is not None and value not in ("", [], {})


def _find_next(page: Page, link: Single) -> str | None:
    value = next(iter(link.values(page, page.document)), None)
    if not isinstance(value, str) or not value.strip():
        return None
    # The text of an element is an address only if it is a whole one: "Next" is not the page /Next.
    return links.page_address(value if link.attribute in {"text", "html"} else page.base.join(value))


def _pending(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[int, tuple[str | int, ...]]]:
    if isinstance(value, Pending):
        return [(value.index, path)]
    if isinstance(value, OpenObject):
        return [found for name, part in value.items() for found in _pending(part, (*path, name))]
    if isinstance(value, list):
        return [found for at, part in enumerate(value) for found in _pending(part, (*path, at))]
    return []
