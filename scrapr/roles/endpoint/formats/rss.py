"""RSS 2.0 with the parts of Atom that validators ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import orjson
from yarl import URL

from scrapr.roles.endpoint.formats.writing import Subject, Told

LINKS = ("link", "url", "href", "guid")
TITLES = ("title", "name", "headline")
TEXTS = ("description", "summary", "text", "content")
FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot say."""
SHOWN = 300


class Rss:
    """Each item with a link: its own if it has one, else where it is found in the collection.

    `guid` tells an item from all others for good, and changes with no update.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def begin(self) -> bytes:
        """The channel."""
        subject = self._subject
        changed = subject.changed_at
        head = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel>',
            _element("title", subject.collection),
            _element("link", subject.url),
            _element("description", f"The newest items of {subject.collection}"),
            f'<atom:link href={quoteattr(subject.url)} rel="self" type="application/rss+xml"/>',
            _element("generator", "scrapr"),
            _element("ttl", str(max(1, subject.ttl // 60))),
        ]
        if changed is not None:
            head.append(_element("lastBuildDate", _date(changed)))
        return "\n".join([*head, ""]).encode()

    def write(self, items: Sequence[Told]) -> bytes:
        """An element for each item."""
        return "".join(map(self._item, items)).encode()

    def end(self) -> bytes:
        """The end of the channel."""
        return b"</channel></rss>\n"

    def _item(self, told: Told) -> str:
        item: dict[str, Any] = orjson.loads(told.body)
        title = _first(item, TITLES) or next(_texts(item), "") or f"{self._subject.collection} {told.created}"
        at = _time(item.get("timestamp"))
        parts = [
            _element("title", title[:SHOWN]),
            _element("link", _link(item) or self._subject.url),
            f'<guid isPermaLink="false">urn:scrapr:{escape(self._subject.collection)}:{told.created}</guid>',
            _element("description", _first(item, TEXTS) or _summary(item)),
        ]
        if at is not None:
            parts.append(_element("pubDate", _date(at)))
        return f"<item>{''.join(parts)}</item>\n"


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(FORBIDDEN.sub('', text))}</{name}>"


def _first(item: dict[str, Any], names: Sequence[str]) -> str:
    return next((text for text in _texts({name: item.get(name) for name in names})), "")


def _texts(item: dict[str, Any]) -> Iterator[str]:
    """What can be read in the fields' texts."""
    found = (
        FORBIDDEN.sub("", value).strip()
        for name, value in item.items()
        if isinstance(value, str) and name != "timestamp"
    )
    return (text for text in found if text)


def _link(item: dict[str, Any]) -> str | None:
    for text in [*(item.get(name) for name in LINKS), *item.values()]:
        if isinstance(text, str) and text.startswith(("https://", "http://")):
            try:
                return str(URL(text))
            except ValueError:
                continue
    return None


def _summary(item: dict[str, Any]) -> str:
    """The other fields, one a line."""
    shown = (
        f"{name}: {value if isinstance(value, str) else orjson.dumps(value).decode()}"
        for name, value in item.items()
        if name not in {*TITLES, "timestamp"}
    )
    return "\n".join(shown)


def _time(text: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _date(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC), usegmt=True)
