"""Pages folded into records and changes; no input, no output, no clock.

Each page is folded by itself, one after the other, so that gathering pages into one transaction or into many
gives the same records with the same versions, and replaying them in their order gives them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from scrapr.model.change import Change, Op, differ
from scrapr.model.errors import FieldError
from scrapr.model.item import Item
from scrapr.model.rules import find_faults
from scrapr.roles.datasource.lateness import heed, note
from scrapr.roles.datasource.merge import KEY_MOST, key_of, merge
from scrapr.roles.datasource.standing import Aside, Effect, Feed, Fold, Kept, Page, Sighting, Spot, Standing

SPOTS_MOST = 16
"""Sources of a record that are remembered for each configuration, the newest; for what stands on every page."""


@dataclass(frozen=True)
class Step:
    """One page's part of a fold. `written` are new, changed or fed by one more; `sighting` names the others."""

    standing: Standing
    effect: Effect
    records: Mapping[str, Kept]
    written: frozenset[str]
    changes: tuple[Change, ...]
    was: Mapping[int, Kept]
    sighting: Sighting
    aside: tuple[Aside, ...]


def keys_of(pages: Iterable[Page]) -> set[str]:
    """The keys that `pages` touch."""
    return {key for page in pages for item in page.items if (key := key_of(item, page.key)) is not None}


def fold(standing: Standing, old: Mapping[str, Kept], pages: Sequence[Page], *, most: int) -> Fold:
    """What `pages`, in this order, make of a collection; `old` holds its records of the keys they touch.

    `most` bounds the lists in which values gather.
    """
    now, records, steps = standing, dict(old), dict[str, Step]()
    for page in pages:
        steps[page.id] = step = fold_page(now, records, heed(now, page), most=most)
        records.update(step.records)
        now = note(step.standing, page)
    written = dict.fromkeys(key for step in steps.values() for key in step.records if key in step.written)
    return Fold(
        before=standing,
        after=now,
        changes=tuple(change for step in steps.values() for change in step.changes),
        was={version: kept for step in steps.values() for version, kept in step.was.items()},
        written=tuple(records[key] for key in written),
        sightings=tuple(_spare(steps.values(), written)),
        effects={page: step.effect for page, step in steps.items()},
        aside={page: step.aside for page, step in steps.items() if step.aside},
    )


def _spare(steps: Iterable[Step], written: Mapping[str, None]) -> Iterator[Sighting]:
    """The sightings of those records that are not written as a whole anyway."""
    for step in steps:
        if keys := tuple(key for key in step.sighting.keys if key not in written):
            yield replace(step.sighting, keys=keys)


def fold_page(standing: Standing, old: Mapping[str, Kept], page: Page, *, most: int) -> Step:
    """One page's step: at most one change of each record, in the order in which the page names them."""
    spots = () if page.source is None else (Spot(page.source, page.run),)
    feed = Feed(page.configuration, page.run, standing.order + 1, spots)
    at = standing.time_of(page.received_at)
    keyed, aside, broken = sort_out(page)
    records: dict[str, Kept] = {}
    changes: list[Change] = []
    was: dict[int, Kept] = {}
    for key, items in keyed.items():
        before = old.get(key)
        if _is_overtaken(before, page):
            continue
        values = merge(_remain(before, page), items, page.collect, most=most)
        version = standing.version + len(changes) + 1
        if change := _compare(standing.name, key, before, values, version, page.run, at):
            changes.append(change)
            if before:
                was[version] = before
        records[key] = _keep(key, before, values, change, feed, at)
    records |= _sight_broken(old, broken.difference(records), feed, at)
    known = {key: old[key].fed_by(feed.configuration) for key in records if key in old}
    sighted = tuple(
        key
        for key, fed in known.items()
        if fed and records[key].version == old[key].version and _is_spotted(fed, page.source)
    )
    created = len(records) - len(known)
    joined = len(records) - sum(fed is not None for fed in known.values())
    return Step(
        standing=_advance(standing, feed, at, created=created, changes=len(changes), joined=joined),
        effect=Effect(
            order=feed.order,
            created=created,
            updated=len(changes) - created,
            unkeyed=sum(not each.is_keyed for each in aside),
            quarantined=sum(each.is_keyed for each in aside),
            fresh=len(records) - sum(fed is not None and fed.run == feed.run for fed in known.values()),
            held=standing.held.get(feed.configuration, 0) if feed.configuration else 0,
        ),
        records=records,
        written=frozenset(records.keys() - set(sighted)),
        changes=tuple(changes),
        was=was,
        sighting=Sighting(feed, at, sighted),
        aside=tuple(aside),
    )


def _is_spotted(feed: Feed, source: str | None) -> bool:
    """Whether the record was seen at `source` before, so that only the run changes."""
    return source is None or any(spot.source == source for spot in feed.spots)


def _join(before: Feed | None, feed: Feed) -> Feed:
    """`feed` with the other sources where it saw the record before."""
    if before is None:
        return feed
    sources = {spot.source for spot in feed.spots}
    others = tuple(spot for spot in before.spots if spot.source not in sources)
    return replace(feed, spots=(*others, *feed.spots)[-SPOTS_MOST:])


def _is_overtaken(before: Kept | None, page: Page) -> bool:
    """Whether what the page brings back from quarantine is older than what its configuration told since."""
    if before is None or page.origin is None:
        return False
    fed = before.fed_by(page.configuration)
    return fed is not None and fed.order > page.origin and fed.run != page.run


def sort_out(page: Page) -> tuple[dict[str, list[Item]], list[Aside], set[str]]:
    """The items by their keys, those that become no records, and the keys of those that break a rule."""
    keyed: dict[str, list[Item]] = {}
    aside: list[Aside] = []
    broken: set[str] = set()
    for number, item in enumerate(page.items):
        key = key_of(item, page.key)
        if key is None:
            aside.append(Aside(number, item, (_keyless(item, page.key),), is_keyed=False))
        elif page.fields and (faults := tuple(find_faults(item, page.fields))):
            aside.append(Aside(number, item, faults, is_keyed=True))
            broken.add(key)
        else:
            keyed.setdefault(key, []).append(item)
    return keyed, aside, broken


def _keyless(item: Item, fields: Sequence[str]) -> FieldError:
    missing = [name for name in fields if item.get(name) in (None, "")]
    problem = "is missing, and identifies the item" if missing else "is too long to identify an item"
    return FieldError(
        field=", ".join(missing or fields), problem=problem, allowed=f"up to {KEY_MOST} characters"
    )


def _sight_broken(
    old: Mapping[str, Kept], broken: Iterable[str], feed: Feed, at: datetime
) -> dict[str, Kept]:
    """Records of which only a broken item came: they were seen, and keep what they have."""
    return {
        key: _keep(key, before, before.values, None, feed, at)
        for key in broken
        if (before := old.get(key)) is not None and before.fed_by(feed.configuration) is not None
    }


def _remain(before: Kept | None, page: Page) -> Item:
    """What a record keeps of its values: where only the page's configuration feeds it, what that still gives."""
    if before is None:
        return {}
    values = before.values
    if not page.names or any(feed.configuration != page.configuration for feed in before.feeds):
        return values
    gone = values.keys() - page.names - set(page.collect.values())
    return {name: value for name, value in values.items() if name not in gone} if gone else values


def _compare(
    collection: str, key: str, before: Kept | None, values: Item, version: int, run: str, at: datetime
) -> Change | None:
    """The change from a record to its new values, or None where there is none."""
    op: Op = "update" if before else "create"
    old, new = differ(before.values, values) if before else (None, values)
    if before and not old and not new:
        return None
    # Past the validation, and with every field: both would take longer than all the rest of the fold.
    return Change.model_construct(
        collection=collection, version=version, key=key, op=op, before=old, after=new, run=run, at=at
    )


def _keep(
    key: str, before: Kept | None, values: Item, change: Change | None, feed: Feed, at: datetime
) -> Kept:
    if before is None:
        version = change.version if change else 0
        return Kept(key, values, version, version, at, at, at, (feed,))
    others = tuple(each for each in before.feeds if each.configuration != feed.configuration)
    feeds = (*others, _join(before.fed_by(feed.configuration), feed))
    if change is None:
        return replace(before, last_seen=at, feeds=feeds)
    return replace(before, values=values, version=change.version, last_seen=at, changed_at=at, feeds=feeds)


def _advance(
    standing: Standing, feed: Feed, at: datetime, *, created: int, changes: int, joined: int
) -> Standing:
    held = dict(standing.held)
    if feed.configuration is not None and joined:
        held[feed.configuration] = held.get(feed.configuration, 0) + joined
    return replace(
        standing,
        version=standing.version + changes,
        records=standing.records + created,
        order=feed.order,
        updated_at=at if changes else standing.updated_at,
        held=held,
    )
