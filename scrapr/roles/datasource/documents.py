"""Values to MongoDB's documents and back. The users' own fields only ever lie inside of `values` and the like."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from bson import DBRef
from bson.codec_options import CodecOptions

from scrapr.model.change import Change
from scrapr.model.collection import Collection
from scrapr.model.item import Item
from scrapr.model.record import Record
from scrapr.roles.datasource.rewind import Undo
from scrapr.roles.datasource.standing import Drop, Feed, Kept, Spot, Standing
from scrapr.storage.mongo import Collection as MongoCollection
from scrapr.storage.mongo import Document

STAMPS = ("created", "version", "first_seen", "last_seen", "changed_at")
SCALARS = frozenset((str, int, float, bool, type(None)))


def plain(value: Any) -> Any:
    """`value` as it was stored: PyMongo reads an object with `$ref` and `$id` as a DBRef, whoever wrote it."""
    if type(value) in SCALARS:
        return value
    if isinstance(value, DBRef):
        value = value.as_doc()
    if isinstance(value, dict):
        return {name: part if type(part) in SCALARS else plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [part if type(part) in SCALARS else plain(part) for part in value]
    return value


def naive(collection: MongoCollection) -> MongoCollection:
    """`collection`, read with naive times: PyMongo's aware ones cost 4 µs each, twice the rest of a record."""
    return collection.with_options(CodecOptions(tz_aware=False))


@lru_cache(maxsize=1000)
def aware(naive: datetime) -> datetime:
    """A time that was read as a naive one, which MongoDB means as UTC; what one batch brought has one time."""
    return naive.replace(tzinfo=UTC)


def digest_of(source: str) -> str:
    """What a source is called in records, of which each has several."""
    return blake2b(source.encode("utf-8", "replace"), digest_size=8).hexdigest()


def document_of_spot(spot: Spot) -> Document:
    """A spot as it is stored; what is looked for must have its fields in the same order."""
    return {"source": spot.source, "run": spot.run}


def standing_of(name: str, document: Document | None) -> Standing:
    """A collection's standing; a collection that is not there yet stands at its beginning."""
    if document is None:
        return Standing(name)
    names = ("version", "records", "order", "turn", "updated_at")
    dropped, rebuild = document.get("dropped"), document.get("rebuild") or {}
    feeders: dict[str, Document] = {feeder["configuration"]: feeder for feeder in document["feeders"]}
    return Standing(
        name,
        **{each: document[each] for each in names},
        held={name: feeder["held"] for name, feeder in feeders.items() if feeder["held"]},
        epochs={name: feeder["epoch"] for name, feeder in feeders.items() if feeder.get("epoch")},
        holder=document.get("holder"),
        epoch=document.get("epoch", 0),
        lease=(document.get("lease") or 0) / 1000,
        dropped=dropped and Drop(**dropped),
        rebuild=rebuild.get("id") if rebuild.get("state") == "waiting" else None,
    )


def document_of_standing(standing: Standing) -> Document:
    """A collection's document, without its `_id`."""
    names = ("version", "records", "order", "turn", "updated_at")
    feeders = [
        {"configuration": name, "held": standing.held.get(name, 0), "epoch": standing.epochs.get(name)}
        for name in {**standing.held, **standing.epochs}
    ]
    return {**{each: getattr(standing, each) for each in names}, "feeders": feeders, "gone": False}


def collection_of(document: Document) -> Collection:
    """What callers are told of a collection."""
    return Collection(
        name=document["_id"],
        version=document["version"],
        records=document["records"],
        oldest=document.get("oldest", 0),
        updated_at=document["updated_at"],
    )


def kept_of(document: Document) -> Kept:
    """A record as the reducer sees it, read with naive times."""
    return Kept(
        document["_id"]["key"],
        plain(document["values"]),
        document["created"],
        document["version"],
        aware(document["first_seen"]),
        aware(document["last_seen"]),
        aware(document["changed_at"]),
        tuple(map(_feed_of, document["feeds"])),
    )


def _feed_of(document: Document) -> Feed:
    # Records that were written before there were spots have none.
    spots = [Spot(spot["source"], spot["run"]) for spot in document.get("spots", ())]
    return Feed(
        document["configuration"], document["run"], document["order"], tuple(spots), document.get("told")
    )


def document_of_kept(collection: str, kept: Kept) -> Document:
    """A record as it is stored."""
    return {
        "_id": {"collection": collection, "key": kept.key},
        "values": kept.values,
        "created": kept.created,
        "version": kept.version,
        "first_seen": kept.first_seen,
        "last_seen": kept.last_seen,
        "changed_at": kept.changed_at,
        "feeds": [_document_of_feed(feed) for feed in kept.feeds],
    }


def _document_of_feed(feed: Feed) -> Document:
    document: Document = {
        "configuration": feed.configuration,
        "run": feed.run,
        "order": feed.order,
        "spots": [document_of_spot(spot) for spot in feed.spots],
    }
    return document if feed.told is None else {**document, "told": feed.told}


def record_of(document: Document) -> Record:
    """A record as callers see it, read with naive times; not validated again, for it was written here."""
    return Record.model_construct(
        key=document["_id"]["key"],
        values=plain(document["values"]),
        created=document["created"],
        version=document["version"],
        first_seen=aware(document["first_seen"]),
        last_seen=aware(document["last_seen"]),
        changed_at=aware(document["changed_at"]),
    )


def document_of_change(change: Change, was: Kept | None) -> Document:
    """A change as it is stored, with the versions and times of the record before it, to go back by."""
    return {
        "_id": {"collection": change.collection, "version": change.version},
        "key": change.key,
        "op": change.op,
        "before": change.before,
        "after": change.after,
        "run": change.run,
        "at": change.at,
        "was": was and {name: getattr(was, name) for name in STAMPS},
    }


def changes_of(documents: Iterable[Document]) -> tuple[Change, ...]:
    """Changes as callers see them, read with naive times; not validated again, for they were written here."""
    return tuple(
        Change(
            collection=document["_id"]["collection"],
            version=document["_id"]["version"],
            key=document["key"],
            op=document["op"],
            before=plain(document["before"]),
            after=plain(document["after"]),
            run=document["run"],
            at=aware(document["at"]),
        )
        for document in documents
    )


def removed_of(document: Document) -> Record:
    """The record that a removal took away, as it was last."""
    return _stamped(document, plain(document["before"]))


def undo_of(document: Document) -> Undo:
    """What takes an update back."""
    before, after = plain(document["before"]), plain(document["after"])
    return Undo(document["_id"]["version"], before or {}, after or {}, _stamped(document, {}))


def _stamped(change: Document, values: Item) -> Record:
    was = change["was"]
    return Record.model_construct(
        key=change["key"],
        values=values,
        created=was["created"],
        version=was["version"],
        first_seen=aware(was["first_seen"]),
        last_seen=aware(was["last_seen"]),
        changed_at=aware(was["changed_at"]),
    )
