"""What a query means, and what an answer looks like: pages by cursor, bodies in both shapes, entity tags."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, create_model

from scrapr.model.change import VERSION_MOST
from scrapr.model.collection import Name
from scrapr.model.item import Item
from scrapr.model.moment import Moment
from scrapr.model.times import Time, show
from scrapr.model.validation import wrong
from scrapr.roles.endpoint import terms
from scrapr.roles.endpoint.formats import kinds
from scrapr.roles.endpoint.formats.writing import Told
from scrapr.roles.endpoint.settings import EndpointSettings

FORMATS = tuple(kinds.NAMED)
CURSOR_ALLOWED = "the `next` of the page before"


def write_cursor(created: int) -> str:
    """The cursor of the page after the record that was created as `created`."""
    return urlsafe_b64encode(orjson.dumps([created])).rstrip(b"=").decode()


def read_cursor(cursor: Any) -> int:
    """The `created` to go on after."""
    try:
        padded = str(cursor).encode("ascii") + b"=" * (-len(str(cursor)) % 4)
        [created] = orjson.loads(urlsafe_b64decode(padded))
    except (ValueError, TypeError) as error:
        raise wrong("is no cursor", allowed=CURSOR_ALLOWED) from error
    if type(created) is not int or not 0 <= created <= VERSION_MOST:
        raise wrong("is no cursor", allowed=CURSOR_ALLOWED)
    return created


Cursor = Annotated[
    int,
    BeforeValidator(read_cursor),
    WithJsonSchema({"type": "string", "description": CURSOR_ALLOWED}),
]


class Wish(BaseModel):
    """Which page of a collection's items: `limit` at most, after `cursor`; and all other names with a meaning.

    A page is found by where it begins, not by how many items are before it, so that items which come and go
    meanwhile are neither skipped nor told twice.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int | None
    cursor: Cursor | None = None
    sort: str | None = Field(None, description="fields to sort by, as price,-title")
    fields: str | None = Field(None, description="fields to tell, as title,price")
    q: str | None = Field(None, description=f"text to be found: {terms.ALLOWED}")
    at: Moment | None = Field(None, description="the collection as it was: a version, or a time")
    format: Literal[FORMATS] | None = Field(None, description="the format, in place of Accept")  # type: ignore[valid-type] # a tuple of names, as typing allows


@dataclass(frozen=True, eq=False)
class Shape:
    """A way to ask and to be answered: under `/v1` or bare, and whether the collection is in the query.

    A document (JSON Lines, CSV, RSS, Parquet) has no `limit` unless one is asked for.
    """

    versioned: bool
    wish: type[Wish]
    document: type[Wish]


@dataclass(frozen=True)
class Shapes:
    """All ways to ask for items."""

    items: tuple[Shape, Shape]
    """`/collections/{c}/items`: bare, then under `/v1`."""
    only: tuple[Shape, Shape]
    """`/items`: bare, then under `/v1`."""


def shapes(settings: EndpointSettings) -> Shapes:
    """The ways to ask, with the limits of the settings."""
    bare = _wish("BareWish", settings.bare_most, settings.bare_most)
    paged = _wish("PageWish", settings.limit, settings.limit_most)
    document = _wish("DocumentWish", None, settings.bare_most)
    any_document = _of_any("DocumentItemsWish", document)
    return Shapes(
        items=(Shape(False, bare, document), Shape(True, paged, document)),
        only=(
            Shape(False, _of_any("BareItemsWish", bare), any_document),
            Shape(True, _of_any("ItemsWish", paged), any_document),
        ),
    )


def _wish(name: str, default: int | None, most: int) -> type[Wish]:
    limit = Field(default, ge=1, le=most, description="items of the page at most")
    kind: Any = int if default is not None else int | None
    return create_model(name, __base__=Wish, limit=(kind, limit))


def _of_any(name: str, wish: type[Wish]) -> type[Wish]:
    which = Field(None, description="the collection, where there are several")
    return create_model(name, __base__=wish, collection=(Name | None, which))


@dataclass(frozen=True)
class Copy:
    """Where a mirrored collection is. `changed_at` is the time of its newest change."""

    table: int
    version: int
    total: int = 0
    changed_at: datetime | None = None
    settled: int = 0
    """Up to this version the copy may lack records whose updates are still told: it was read while they went."""


@dataclass(frozen=True)
class Page:
    """A stretch of a collection as it was at one version.

    `next` is the `created` to go on after, or the cursor itself where the order is another; `total` is the number
    of all records that were asked for, None where nobody counted so far.
    """

    copy: Copy
    told: Sequence[Told]
    next: int | str | None
    total: int | None

    @property
    def bodies(self) -> list[bytes]:
        """The items alone."""
        return [each.body for each in self.told]

    @property
    def cursor(self) -> str | None:
        """The cursor of the page that follows."""
        return write_cursor(self.next) if isinstance(self.next, int) else self.next


class Items(BaseModel):
    """A page of items under `/v1`.

    `total` is null where a query has more than the endpoint counts.
    `last_success_at` is when the datasource last confirmed this version; `stale` tells that this was too long ago.
    """

    collection: str
    version: int
    items: list[Item]
    total: int | None
    next: str | None
    stale: bool
    last_success_at: Time


def cut(page: Page, fields: Sequence[str]) -> Page:
    """The page with no other fields than these, in this order."""
    items = ((each.created, orjson.loads(each.body)) for each in page.told)
    told = [
        Told(created, orjson.dumps({name: item[name] for name in fields if name in item}))
        for created, item in items
    ]
    return replace(page, told=told)


def bare(page: Page) -> bytes:
    """The thesis's shape: the array alone."""
    return b"[" + b",".join(page.bodies) + b"]"


def full(collection: str, page: Page, *, stale: bool, confirmed_at: float) -> bytes:
    """The shape of `/v1`, an `Items`, out of JSON that is ready."""
    head = {"collection": collection, "version": page.copy.version}
    tail = {
        "total": page.total,
        "next": page.cursor,
        "stale": stale,
        "last_success_at": show(moment(confirmed_at)),
    }
    return b'%s,"items":%s,%s' % (orjson.dumps(head)[:-1], bare(page), orjson.dumps(tail)[1:])


def tag(copy: Copy, format_name: str, *, stale: bool) -> str:
    """What tells one state of a collection from all others, for `ETag`; a collection that began anew differs, too.

    It is told as weak: one that is compressed in another way is the same.
    """
    at = 0 if copy.changed_at is None else int(copy.changed_at.timestamp() * 1000)
    return f"{copy.version}-{at:x}-{format_name}{'-s' if stale else ''}"


def cache_control(ttl: int, *, most: int, shared: bool = True) -> str:
    """How long caches may answer unasked: a sixtieth of the time between two runs, `most` seconds at most.

    So what they add to the age that the items have anyway is of no weight. A cache that many share asks each second.
    """
    seconds = min(max(1, ttl // 60), most)
    # `s-maxage` would let a shared cache keep even what was asked for with a token (RFC 9111, section 3.5).
    scope = (
        f"public, max-age={seconds}, s-maxage={min(1, seconds)}" if shared else f"private, max-age={seconds}"
    )
    return f"{scope}, stale-if-error=86400"


def moment(seconds: float) -> datetime:
    """The time that is `seconds` after the beginning of 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def http_date(at: datetime) -> str:
    """A time as HTTP headers say it (RFC 9110), cut to whole seconds."""
    return format_datetime(at.astimezone(UTC), usegmt=True)
