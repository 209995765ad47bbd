"""Pages folded into records and changes; no input, no output, no clock.

Each page is folded by itself, one after the other, so that gathering pages into one transaction or into many
gives the same records with the same versions, and replaying them in their order gives them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from scrapr.model.change import Change, differ
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
    folding = Folding(standing, old, most=most)
    for page in pages:
        folding.add(page)
    return folding.whole()


class Folding:
    """A fold page by page, for whoever wants to do something else in between."""

    def __init__(self, standing: Standing, old: Mapping[str, Kept], *, most: int) -> None:
        self._before = self._now = standing
        self._records = dict(old)
        self._steps: dict[str, Step] = {}
        self._most = most

    def add(self, page: Page) -> None:
        """Fold the next page."""
        step = fold_page(self._now, self._records, heed(self._now, page), most=self._most)
        self._steps[page.id] = step
        self._records.update(step.records)
        self._now = note(step.standing, page)

    def whole(self) -> Fold:
        """What all pages together make of the collection."""
        steps = self._steps.values()
        written = dict.fromkeys(key for step in steps for key in step.records if key in step.written)
        return Fold(
            before=self._before,
            after=self._now,
            changes=tuple(change for step in steps for change in step.changes),
            was={version: kept for step in steps for version, kept in step.was.items()},
            written=tuple(self._records[key] for key in written),
            sightings=tuple(_spare(steps, written)),
            effects={page: step.effect for page, step in self._steps.items()},
            aside={page: step.aside for page, step in self._steps.items() if step.aside},
        )


def _spare(steps: Iterable[Step], written: Mapping[str, None]) -> Iterator[Sighting]:
    """The sightings of those records that are not written as a whole anyway."""
    for step in steps:
        if keys := tuple(key for key in step.sighting.keys if key not in written):
            yield replace(step.sighting, keys=keys)


def fold_page(standing: Standing, old: Mapping[str, Kept], page: Page, *, most: int) -> Step:
    """One page's step: at most one change of each record, in the order in which the page names them."""
    spots = () if page.source is None else (Spot(page.source, page.run),)
    feed = Feed(page.configuration, page.run, standing.order + 1, spots, page.origin)
    at = standing.time_of(page.received_at)
    keyed, aside, broken = sort_out(page)
    touched = [*_touch_all(standing, old, keyed, page, feed, at, most)]
    sighted = tuple(touch.kept.key for touch in touched if touch.is_sighting(page.source))
    touched += _sight_broken(old, broken.difference(keyed), feed, at)
    records = {touch.kept.key: touch.kept for touch in touched}
    changes = tuple(touch.change for touch in touched if touch.change)
    created = sum(touch.before is None for touch in touched)
    joined = sum(touch.fed is None for touch in touched)
    return Step(
        standing=_advance(standing, feed, at, created=created, changes=len(changes), joined=joined),
        effect=Effect(
            order=feed.order,
            created=created,
            updated=len(changes) - created,
            unkeyed=sum(not each.is_keyed for each in aside),
            quarantined=sum(each.is_keyed for each in aside),
            fresh=sum(touch.fed is None or touch.fed.run != feed.run for touch in touched),
            held=standing.held.get(feed.configuration, 0) if feed.configuration else 0,
        ),
        records=records,
        written=frozenset(records.keys() - set(sighted)),
        changes=changes,
        was={touch.change.version: touch.before for touch in touched if touch.change and touch.before},
        sighting=Sighting(feed, at, sighted),
        aside=tuple(aside),
    )


class Touch(NamedTuple):
    """A record that a page names: as it was, its feed then by the page's configuration, and as it is."""

    before: Kept | None
    fed: Feed | None
    kept: Kept
    change: Change | None

    def is_sighting(self, source: str | None) -> bool:
        """Whether nothing is new but the run: the record has its values, and was seen at `source` before."""
        return self.fed is not None and self.change is None and _is_spotted(self.fed, source)


def _touch_all(
    standing: Standing,
    old: Mapping[str, Kept],
    keyed: Mapping[str, Sequence[Item]],
    page: Page,
    feed: Feed,
    at: datetime,
    most: int,
) -> Iterator[Touch]:
    version, alone = standing.version + 1, (feed,)
    known = page.names.union(page.collect.values()) if page.names else None
    for key, items in keyed.items():
        before = old.get(key)
        fed = before and before.fed_by(page.configuration)
        if fed and _is_overtaken(fed, page):
            continue
        values = merge(_remain(before, page, known), items, page.collect, most=most)
        change = _compare(standing.name, key, before, values, version, page.run, at)
        version += change is not None
        feeds = alone if before is None else _join_all(before, fed, feed, alone)
        yield Touch(before, fed, _keep(key, before, values, change, feeds, at), change)


def _is_spotted(feed: Feed, source: str | None) -> bool:
    """Whether the record was seen at `source` before, so that only the run changes."""
    return source is None or any(spot.source == source for spot in feed.spots)


def _join_all(before: Kept, fed: Feed | None, feed: Feed, alone: tuple[Feed, ...]) -> tuple[Feed, ...]:
    """Who feeds a record that `feed` brings, which nearly always is who did before, from where it did before."""
    if fed is not None and before.feeds == (fed,) and all(map(_sources(feed).__contains__, _sources(fed))):
        return alone
    others = tuple(each for each in before.feeds if each is not fed)
    return (*others, _join(fed, feed))


def _join(before: Feed | None, feed: Feed) -> Feed:
    """`feed` with the other sources where it saw the record before."""
    if before is None:
        return feed
    others = tuple(spot for spot in before.spots if spot.source not in _sources(feed))
    return feed._replace(spots=(*others, *feed.spots)[-SPOTS_MOST:])


def _sources(feed: Feed) -> list[str]:
    return [spot.source for spot in feed.spots]


def _is_overtaken(fed: Feed, page: Page) -> bool:
    """Whether what the page brings back from quarantine is older than what its configuration told since."""
    return page.origin is not None and fed.is_newer_than(page.origin)


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
) -> Iterator[Touch]:
    """Records of which only a broken item came: they were seen, and keep what they have."""
    for key in broken:
        before = old.get(key)
        if before is not None and (fed := before.fed_by(feed.configuration)) is not None:
            seen = feed._replace(told=fed.order if fed.told is None else fed.told)
            kept = before._replace(last_seen=at, feeds=_join_all(before, fed, seen, (seen,)))
            yield Touch(before, fed, kept, None)


def _remain(before: Kept | None, page: Page, known: AbstractSet[str] | None) -> Item:
    """What a record keeps of its values: where only the page's configuration feeds it, what that still gives."""
    if before is None:
        return {}
    values = before.values
    if known is None or values.keys() <= known:
        return values
    if any(feed.configuration != page.configuration for feed in before.feeds):
        return values
    return {name: value for name, value in values.items() if name in known}


def _compare(
    collection: str, key: str, before: Kept | None, values: Item, version: int, run: str, at: datetime
) -> Change | None:
    """The change from a record to its new values, or None where there is none."""
    if before is None:
        return Change(collection, version, key, "create", at, None, values, run)
    old, new = differ(before.values, values)
    return Change(collection, version, key, "update", at, old, new, run) if old or new else None


def _keep(
    key: str, before: Kept | None, values: Item, change: Change | None, feeds: tuple[Feed, ...], at: datetime
) -> Kept:
    if before is None:
        version = change.version if change else 0
        return Kept(key, values, version, version, at, at, at, feeds)
    if change is None:
        return before._replace(last_seen=at, feeds=feeds)
    return before._replace(values=values, version=change.version, last_seen=at, changed_at=at, feeds=feeds)


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
