"""What to do with what the datasource tells: apply it, ask for what is missing, or load all anew.

All is decided by version, so that what is lost, doubled or late costs time, never data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from scrapr.model.change import Change, Changes, apply
from scrapr.roles.endpoint import row
from scrapr.roles.endpoint.row import Row


@dataclass(frozen=True)
class Apply:
    """These changes come next."""

    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Ask:
    """Ask for the changes after `since`."""

    since: int


@dataclass(frozen=True)
class Reload:
    """Load the collection as a whole."""

    reason: str


@dataclass(frozen=True)
class Begin:
    """There is nothing yet: an empty copy is right."""


Step: TypeAlias = Apply | Ask | Reload | Begin | None
"""None: there is nothing to do."""


def judge(version: int | None, latest: int, *, far: int) -> Step:
    """What to do where the datasource is at `latest`; `version` is ours, None where we have no copy."""
    if version is None:
        return Reload("never seen") if latest else Begin()
    if latest < version:
        return Reload("began anew")
    if latest - version > far:
        return Reload("far behind")
    return Ask(version) if latest > version else None


def hear(version: int, told: Changes) -> Step:
    """What to do with a push: it may be known, overlap, leave a gap, or tell of changes that it does not carry."""
    if told.latest <= version:
        return None
    fresh = _after(version, told.changes)
    return Apply(fresh) if fresh and _goes_on(version, fresh) else Ask(version)


def read(version: int, page: Changes) -> Step:
    """What to do with the answer to `Ask(version)`; the datasource may have forgotten the changes, or begun anew."""
    if page.latest < version:
        return Reload("began anew")
    fresh = _after(version, page.changes)
    if not fresh:
        return Reload("changes are gone") if page.latest > version else None
    return Apply(fresh) if _goes_on(version, fresh) else Reload("changes are gone")


def _after(version: int, changes: Iterable[Change]) -> tuple[Change, ...]:
    return tuple(change for change in changes if change.version > version)


def _goes_on(version: int, changes: Sequence[Change]) -> bool:
    """Whether `changes` follow `version` without a gap."""
    expected = range(version + 1, version + 1 + len(changes))
    return all(change.version == next_ for change, next_ in zip(changes, expected, strict=True))


@dataclass(frozen=True)
class Effect:
    """What changes do to rows: those to put in place, and the keys of those to take away."""

    put: Mapping[str, Row]
    gone: frozenset[str]


class Torn(Exception):
    """A change tells of a record that the copy lacks: the copy is not what it must be."""


def fold(rows: Mapping[str, Row], changes: Iterable[Change], *, settled: int) -> Effect:
    """What `changes` do to `rows`, which are those of the keys that they name, as far as there are any.

    A row that is as new as a change knows it already. While a copy is loaded page by page, its rows may be newer
    than the copy; a record that is missing up to version `settled` was removed before its page was read.
    Raises `Torn` for one that is missing later.
    """
    now: dict[str, Row | None] = {}
    for change in changes:
        old = now[change.key] if change.key in now else rows.get(change.key)
        if old is not None and old.version >= change.version:
            continue
        if change.op == "update" and old is None:
            if change.version > settled:
                raise Torn(
                    f"{change.collection} lacks {change.key!r}, which version {change.version} updates"
                )
            continue
        now[change.key] = _change(old, change)
    return Effect(
        put={key: new for key, new in now.items() if new is not None},
        gone=frozenset(key for key, new in now.items() if new is None and key in rows),
    )


def _change(old: Row | None, change: Change) -> Row | None:
    match change.op:
        case "create":
            return row.make(change.key, change.version, change.version, change.after or {}, change.at)
        case "remove":
            return None
        case "update" if old is not None:
            return row.make(change.key, old.created, change.version, apply(old.values, change), change.at)
    raise AssertionError("unreachable: the operations are listed, and an update has its row")
