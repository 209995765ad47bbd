"""Records as they are against what they should be: what differs becomes changes like any others. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from scrapr.model.change import Change, differ
from scrapr.roles.datasource.standing import Feed, Fold, Kept, Standing


def correct(
    standing: Standing, there: Mapping[str, Kept], right: Mapping[str, Kept], *, run: str, at: datetime
) -> Fold:
    """What makes the records that are `there` those that are `right`; what is the same in both is left alone."""
    at = standing.time_of(at)
    changes: list[Change] = []
    written: list[Kept] = []
    was: dict[int, Kept] = {}
    for key in sorted(there.keys() | right.keys()):
        old, new = there.get(key), right.get(key)
        version = standing.version + len(changes) + 1
        change = _compare(standing.name, key, old, new, version, run, at)
        if change is not None:
            changes.append(change)
            if old is not None:
                was[version] = old
        if new is not None and (change is not None or old is None or _feeds(old) != _feeds(new)):
            written.append(_put_right(old, new, change, at))
    removed = tuple(key for key in sorted(there.keys() - right.keys()))
    added = len(right.keys() - there.keys())
    after = replace(
        standing,
        version=standing.version + len(changes),
        records=standing.records + added - len(removed),
        updated_at=at if changes else standing.updated_at,
    )
    return Fold(standing, after, tuple(changes), was, tuple(written), removed)


def _compare(
    name: str, key: str, old: Kept | None, new: Kept | None, version: int, run: str, at: datetime
) -> Change | None:
    before, after = differ(old.values if old else {}, new.values if new else {})
    if old is not None and new is not None and not before and not after:
        return None
    return Change(
        collection=name,
        version=version,
        key=key,
        op="create" if old is None else "remove" if new is None else "update",
        before=before if old else None,
        after=after if new else None,
        run=run,
        at=at,
    )


def _put_right(old: Kept | None, new: Kept, change: Change | None, at: datetime) -> Kept:
    if old is None:
        version = change.version if change else 0
        return new._replace(created=version, version=version, changed_at=at)
    if change is None:
        return old._replace(feeds=new.feeds)
    return old._replace(values=new.values, feeds=new.feeds, version=change.version, changed_at=at)


def _feeds(kept: Kept) -> frozenset[Feed]:
    """Who feeds a record, from where: in which order that is stored says nothing."""
    return frozenset(feed._replace(spots=tuple(sorted(feed.spots, key=repr))) for feed in kept.feeds)
