"""Writers: pages of items in, pieces of a document out, so that none is ever held as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from scrapr.model.errors import NotAcceptable
from scrapr.roles.endpoint.formats import kinds
from scrapr.roles.endpoint.formats.kinds import Format


@dataclass(frozen=True)
class Told:
    """One item: its public JSON, and the version of the collection in which it was created, which names it for good."""

    created: int
    body: bytes


@dataclass(frozen=True)
class Subject:
    """What a document is about. `schema` is what each item fits; `fields` are those to be told, none for all."""

    collection: str
    url: str
    changed_at: datetime | None
    schema: dict[str, Any]
    fields: tuple[str, ...]
    ttl: int


class Writer(Protocol):
    """Writes one document: `begin` once, `write` for each page, `end` once."""

    def begin(self) -> bytes:
        """What comes before all items."""

    def write(self, items: Sequence[Told]) -> bytes:
        """A page of items."""

    def end(self) -> bytes:
        """What comes after all items."""


class Lines:
    """JSON Lines: each item as one line of JSON."""

    def begin(self) -> bytes:
        """Nothing."""
        return b""

    def write(self, items: Sequence[Told]) -> bytes:
        """The lines of these items."""
        return b"".join(each.body + b"\n" for each in items)

    def end(self) -> bytes:
        """Nothing."""
        return b""


def writer(chosen: Format, subject: Subject) -> Writer:
    """A writer of the chosen format. Raises `NotAcceptable` where what it needs is not installed."""
    match chosen:
        case kinds.CSV:
            from scrapr.roles.endpoint.formats.csv_text import Csv  # noqa: PLC0415 - only who is asked for it pays

            return Csv(subject)
        case kinds.RSS:
            from scrapr.roles.endpoint.formats.rss import Rss  # noqa: PLC0415 - only who is asked for it pays

            return Rss(subject)
        case kinds.PARQUET:
            try:
                from scrapr.roles.endpoint.formats.parquet import Parquet  # noqa: PLC0415 - an extra, and large
            except ImportError as error:
                raise NotAcceptable(
                    "This endpoint has no Parquet: install the extra scrapr[parquet]; others are json, jsonl, csv, rss"
                ) from error
            return Parquet(subject)
    return Lines()
