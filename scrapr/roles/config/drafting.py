"""What a posted body becomes: a draft fit to be stored, or every wrong field at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any, TypeAlias, TypeVar

from pydantic import ConfigDict

from scrapr.fetching.errors import FetchRefused
from scrapr.fetching.target import parse_target
from scrapr.model.configuration import PARTS, SOURCE_ALLOWED, Configuration, Draft, Type, wrong_parts
from scrapr.model.errors import Conflict, FieldError, Invalid
from scrapr.model.validation import parse
from scrapr.roles.config import fields, openings

Places: TypeAlias = Mapping[Type, frozenset[str]]
"""The places of the pools that exist, by the type of configuration that they serve."""
D = TypeVar("D", bound=Draft)


class Replacement(Draft):
    """A configuration as a user puts it: a draft, or what a GET answered with some fields changed.

    A `revision` says which one was changed; times are taken and ignored.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str | None = None
    revision: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


def read_draft(body: Any, places: Places) -> Draft:
    """The draft that a user posts. Raises `Invalid`."""
    return _read(Draft, body, places, _given_container(body, None))


def read_replacement(body: Any, present: Configuration, places: Places) -> Draft:
    """The draft that is to replace `present`. Raises `Invalid`, or `Conflict` if it changes an older revision."""
    faults = (*_changed_identity(body, present), *_given_container(body, present.container))
    replacement = _read(Replacement, body, places, faults)
    if replacement.revision not in {None, present.revision}:
        raise Conflict(
            f"The configuration {present.id} is at revision {present.revision}, not {replacement.revision}"
        )
    return replacement


def endpoint_for(draft: Draft) -> Draft | None:
    """The endpoint configuration that a scraper's collection needs; it is served from the default pool."""
    if draft.type == "endpoint":
        return None
    return Draft(type="endpoint", collection=draft.collection, ttl=draft.ttl)


def _read(kind: type[D], body: Any, places: Places, faults: Iterable[FieldError]) -> D:
    found = {fault.field: [fault] for fault in faults}
    try:
        draft = parse(kind, body)
    except Invalid as error:
        _add(found, error.fields)
    known, more = _look_closer(body, places) if isinstance(body, dict) else (None, [])
    _add(found, more)
    if found:
        raise Invalid(*chain.from_iterable(found.values()))
    return draft.model_copy(update={"container": None, "key": draft.key or fields.default_key(known)})


def _add(found: dict[str, list[FieldError]], faults: Iterable[FieldError]) -> None:
    """Add what is wrong with fields that were right so far: one look at a field finds all that is wrong with it."""
    new: dict[str, list[FieldError]] = {}
    for fault in faults:
        if fault.field not in found:
            new.setdefault(fault.field, []).append(fault)
    found |= new


def _look_closer(body: dict[str, Any], places: Places) -> tuple[tuple[str, ...] | None, list[FieldError]]:
    """The items' fields, and what is wrong that types cannot judge, as far as types allow a judgement."""
    given = {name for name in PARTS if body.get(name) is not None}
    faults = [
        *wrong_parts(body.get("type"), given),
        *_unknown_pool(body, places),
        *_unvisitable(body),
        *openings.wrong_openings(body),
    ]
    try:
        known = fields.read_fields(body)
    except Invalid as error:
        return None, [*faults, *error.fields]
    return known, [*faults, *(fields.misfits(body, known) if known is not None else ())]


def _unvisitable(body: dict[str, Any]) -> Iterator[FieldError]:
    """A source that no scraper would visit, wherever its host's name leads."""
    scraper = body.get("scraper")
    source = scraper.get("source") if isinstance(scraper, dict) else None
    if not isinstance(source, str):
        return
    try:
        parse_target(source)
    except FetchRefused as refused:
        yield FieldError(
            field="scraper.source", problem=f"cannot be visited: {refused.detail}", allowed=SOURCE_ALLOWED
        )


def _unknown_pool(body: dict[str, Any], places: Places) -> Iterator[FieldError]:
    kind, pool = body.get("type"), body.get("pool", "default")
    known = next((known for each, known in places.items() if each == kind), None)
    if known is not None and isinstance(pool, str) and pool not in known:
        yield FieldError(field="pool", problem="there is no such pool", allowed=", ".join(sorted(known)))


def _changed_identity(body: Any, present: Configuration) -> Iterator[FieldError]:
    fixed = {"id": present.id, "type": present.type, "collection": present.collection}
    for name, value in fixed.items():
        if isinstance(body, dict) and body.get(name, value) != value:
            yield FieldError(field=name, problem="cannot change", allowed=value)


def _given_container(body: Any, present: str | None) -> tuple[FieldError, ...]:
    given = body.get("container") if isinstance(body, dict) else None
    if given is None or given == present:
        return ()
    allowed = "null" if present is None else f"null, {present}"
    return (FieldError(field="container", problem="is taken with a claim, not given", allowed=allowed),)
