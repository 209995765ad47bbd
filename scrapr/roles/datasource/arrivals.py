"""What arrives, as it lies in the inbox and when it was judged, and back. The users' own fields only lie inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b

import orjson

from scrapr.model.batch import Batch, Reduction, Run
from scrapr.model.item import Item
from scrapr.model.rules import FieldRule
from scrapr.model.times import now
from scrapr.model.validation import NEWER
from scrapr.roles.datasource import documents
from scrapr.roles.datasource.standing import Aside, Effect, End, Page, Spot
from scrapr.storage.mongo import Document


def inbox_id(run: str, page: int | None) -> str:
    """The place of a run's page in the inbox, or of its end."""
    return f"{run}:{'end' if page is None else page}"


def digest_of_items(items: Sequence[Item]) -> str:
    """What tells a replay of a batch from other contents under its id."""
    return blake2b(orjson.dumps(items, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def document_of_batch(batch: Batch, run: str) -> Document:
    """A batch as it lies in the inbox."""
    return {
        "_id": inbox_id(run, batch.page),
        "waiting": "page",
        "collection": batch.collection,
        "run": run,
        "page": batch.page,
        "configuration": batch.configuration,
        "epoch": batch.epoch,
        "source": batch.source,
        "key": list(batch.key),
        "collect": dict(batch.collect),
        "fields": {name: rule.model_dump(exclude_defaults=True) for name, rule in batch.fields.items()},
        "names": list(batch.names),
        "received_at": now(),
        "digest": digest_of_items(batch.data),
        "is_alone": batch.run is None and batch.configuration is None,
        "data": batch.data,
    }


def document_of_end(run: Run) -> Document:
    """A run's end as it lies in the inbox."""
    fields = ("collection", "run", "configuration", "epoch", "outcome", "pages", "items", "unchanged_pages")
    told = run.model_dump()
    return {
        "_id": inbox_id(run.run, None),
        "waiting": "end",
        **{name: told[name] for name in fields},
        "fall": run.removal.fall,
        "unchanged": [
            {"source": documents.digest_of(source), "run": past}
            for past, sources in run.unchanged.items()
            for source in sources
        ],
        "received_at": now(),
    }


def page_of(document: Document) -> Page:
    """A batch out of the inbox."""
    return Page(
        id=document["_id"],
        run=document["run"],
        items=[documents.plain(item) for item in document["data"]],
        received_at=document["received_at"],
        configuration=document["configuration"],
        source=None if document["source"] is None else documents.digest_of(document["source"]),
        key=tuple(document["key"]),
        collect=document["collect"],
        fields=_read_rules(orjson.dumps(documents.plain(document["fields"])))
        if document.get("fields")
        else {},
        names=frozenset(document.get("names", ())),
        origin=document.get("origin"),
        epoch=document.get("epoch"),
        is_alone=document.get("is_alone", False),
    )


@lru_cache(maxsize=1000)
def _read_rules(text: bytes) -> Mapping[str, FieldRule]:
    """Rules as they lie in the inbox; nearly all batches bring those of the batch before."""
    return {name: FieldRule.model_validate(rule, extra=NEWER) for name, rule in orjson.loads(text).items()}


def end_of(document: Document) -> End:
    """A run's end out of the inbox."""
    names = ("run", "received_at", "outcome", "pages", "items", "unchanged_pages", "configuration")
    unchanged = tuple(Spot(spot["source"], spot["run"]) for spot in document.get("unchanged", ()))
    told = {name: document[name] for name in names}
    begun = document.get("has_begun", False)
    return End(
        id=document["_id"], **told, has_begun=begun, fall=document.get("fall", 0.5), unchanged=unchanged
    )


def document_of_aside(collection: str, page: Page, order: int, aside: Aside) -> Document:
    """An item in quarantine."""
    return {
        "_id": f"{page.id}:{aside.number}",
        "collection": collection,
        "run": page.run,
        "configuration": page.configuration,
        "order": order,
        "key": list(page.key),
        "item": aside.item,
        "reasons": [reason.model_dump(exclude_none=True) for reason in aside.reasons],
        "at": now(),
    }


def document_of_lone_run(collection: str, page: Page, effect: Effect) -> Document:
    """The run that a lone batch is, as it is stored once it is reduced."""
    run = Run(
        run=page.run,
        collection=collection,
        outcome="complete",
        started_at=page.received_at,
        finished_at=page.received_at,
        pages=1,
        items=len(page.items),
    )
    names = ("created", "updated", "unkeyed", "quarantined")
    counts = {name: getattr(effect, name) for name in names}
    reduction = Reduction(**counts, removed=0, kept="no configuration", at=now())
    return {
        "_id": run.run,
        **run.model_dump(exclude={"run", "finished", "unchanged"}),
        "state": "healthy",
        "reason": None,
        "reduction": reduction.model_dump(),
    }
