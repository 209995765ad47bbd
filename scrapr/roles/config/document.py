"""A configuration as MongoDB keeps it.

What scrapr itself looks at has fields of its own; the rest of the user's draft is JSON text, for its selectors have
names such as `$scope` or `a.b` that MongoDB would read as its own language.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson

from scrapr.model.claim import Claim
from scrapr.model.configuration import Configuration, Draft
from scrapr.model.times import now
from scrapr.model.validation import NEWER
from scrapr.roles.config import claiming
from scrapr.roles.config.claiming import SEATS, Seat

READ = ("_id", "draft", "type", "collection", "pool", "container", "revision", "created_at", "updated_at")
"""What of a document is its configuration."""
READ_MOST = 20_000
"""Configurations that are kept as they were read, some 3 kB each."""
IN_TEXT = set(Draft.model_fields) - {"type", "collection", "pool", "container"}


def create(identity: str, draft: Draft) -> dict[str, Any]:
    """A new configuration, held by nobody."""
    present = now()
    return {
        "_id": identity,
        "type": draft.type,
        "collection": draft.collection,
        "pool": draft.pool,
        "draft": text(draft),
        "revision": 1,
        "created_at": present,
        "updated_at": present,
        "container": None,
        "epoch": 0,
        "expires_at": None,
    }


def replacement(present: Configuration, draft: Draft) -> dict[str, Any]:
    """The update by which `present` becomes `draft`; who holds it loses it if it moves to another pool."""
    moved = {"pool": draft.pool, **_nobody()} if draft.pool != present.pool else {}
    return {"$set": {"draft": text(draft), "updated_at": now(), **moved}, "$inc": {"revision": 1}}


def text(draft: Draft) -> str:
    """What has no field of its own, as JSON; equal drafts have equal texts."""
    return draft.model_dump_json(include=IN_TEXT, exclude_none=True)


def differs(present: Configuration, draft: Draft) -> bool:
    """Whether `draft` would change anything of `present`; who holds it is no part of either."""
    return draft.pool != present.pool or text(draft) != text(present)


def configuration(document: dict[str, Any]) -> Configuration:
    """The configuration that `document` holds."""
    return _read(*(document[name] for name in READ))


@lru_cache(maxsize=READ_MOST)
def _read(identity: str, draft: str, *fields: Any) -> Configuration:
    """Each lease's renewal reads all that a replica holds, again and again."""
    said = {**orjson.loads(draft), **dict(zip(READ[2:], fields, strict=True)), "id": identity}
    return Configuration.model_validate(said, extra=NEWER)


def claim(document: dict[str, Any], seat: Seat) -> Claim:
    """The claim on a seat that `document` holds; its configuration names the seat's holder."""
    return Claim(
        configuration=configuration({**document, "container": document[f"container{seat}"]}),
        epoch=document[f"epoch{seat}"],
        expires_at=document[f"expires_at{seat}"],
    )


def _nobody() -> dict[str, Any]:
    """All seats as they are when nobody holds them."""
    return {name: value for seat in SEATS for name, value in claiming.release(seat).items()}
