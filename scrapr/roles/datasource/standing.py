"""What the reducer reads and writes, as values: a collection's standing, its records, pages, and a fold of them.

Those of which there is one for each item are named tuples: a frozen dataclass takes four times as long to make.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from scrapr.model.change import Change
from scrapr.model.errors import FieldError
from scrapr.model.item import Item
from scrapr.model.rules import FieldRule


class Spot(NamedTuple):
    """A source where a record was seen, by its digest, and the run that sent the source with the record on it."""

    source: str
    run: str


class Feed(NamedTuple):
    """Who feeds a record, in which run it last did, with which batch of the collection, and from which sources.

    A source that was sent again without the record is still among its `spots`, but with a run that is over.
    `told` is the order of the batch that told the values, where that is not `order`: they came back from quarantine,
    or since then only an item came that breaks a rule.
    """

    configuration: str | None
    run: str
    order: int
    spots: tuple[Spot, ...] = ()
    told: int | None = None

    def is_newer_than(self, order: int) -> bool:
        """Whether the values were told after the batch of that order."""
        return (self.order if self.told is None else self.told) > order


class Kept(NamedTuple):
    """A record as it is stored: its values, its versions, its times, and who feeds it."""

    key: str
    values: Item
    created: int
    version: int
    first_seen: datetime
    last_seen: datetime
    changed_at: datetime
    feeds: tuple[Feed, ...]

    def fed_by(self, configuration: str | None) -> Feed | None:
        """The feed of `configuration`, if it feeds this record."""
        for feed in self.feeds:
            if feed.configuration == configuration:
                return feed
        return None


@dataclass(frozen=True, slots=True)
class Drop:
    """The end of a collection's life: what came up to then, up to `version` and `order`, goes."""

    version: int
    order: int
    at: datetime
    is_done: bool


@dataclass(frozen=True)
class Standing:
    """Where a collection is. `order` counts its reduced batches; `turn` its transactions, to guard the next."""

    name: str
    version: int = 0
    records: int = 0
    order: int = 0
    turn: int = 0
    updated_at: datetime | None = None
    held: Mapping[str, int] = field(default_factory=dict)
    """How many records each configuration feeds."""
    epochs: Mapping[str, int] = field(default_factory=dict)
    """The greatest epoch of each configuration of which a batch was reduced."""
    holder: str | None = None
    """The replica that reduced last; for `lease` seconds more, by the server's clock, it alone may."""
    epoch: int = 0
    """Grows with each other holder."""
    lease: float = 0.0
    dropped: Drop | None = None
    """How the collection began anew, if it ever did; while that is not done, nothing may be reduced."""
    rebuild: str | None = None
    """The id of the rebuild that waits or is under way."""

    def held_against(self, replica: str) -> float:
        """For how many seconds the collection is somebody else's than `replica`'s."""
        return 0.0 if self.holder in {None, replica} else max(0.0, self.lease)

    def time_of(self, received_at: datetime) -> datetime:
        """When a batch takes effect: as it was received, but never before the collection's newest change."""
        return max(received_at, self.updated_at or received_at)


@dataclass(frozen=True)
class Page:
    """A batch out of the inbox. `id` is its place there."""

    id: str
    run: str
    items: Sequence[Item]
    received_at: datetime
    configuration: str | None = None
    key: tuple[str, ...] = ("title",)
    collect: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, FieldRule] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    """The fields that its configuration's selector gives; empty where nobody knows."""
    source: str | None = None
    """The digest of where its items were found."""
    origin: int | None = None
    """Of items out of quarantine: the order of the batch that first brought them."""
    epoch: int | None = None
    """That of the claim under which it was sent; None where it was sent without one."""
    is_alone: bool = False
    """Whether it came without a run and a configuration: then it is a run of its own, which ends with it."""


@dataclass(frozen=True)
class End:
    """A run's end out of the inbox."""

    id: str
    run: str
    received_at: datetime
    outcome: str
    pages: int
    items: int
    unchanged_pages: int = 0
    configuration: str | None = None
    has_begun: bool = False
    """Whether a part of the records that it did not see is removed already."""
    fall: float = 0.5
    """The part by which what the run saw may be less than what was there before."""
    unchanged: tuple[Spot, ...] = ()
    """The sources that the run found as they were, with the runs that sent them last."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """Records that `configuration` feeds, that no batch from order `since` on saw, and no `unchanged` source has."""

    configuration: str
    since: int
    unchanged: tuple[Spot, ...] = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """What reducing one page did; with the others of its run it tells whether the run may remove records.

    `fresh` counts the records that the run saw here first; `held` those that the configuration fed before.
    """

    order: int
    created: int = 0
    updated: int = 0
    unkeyed: int = 0
    quarantined: int = 0
    fresh: int = 0
    held: int = 0


@dataclass(frozen=True, slots=True)
class Aside:
    """An item that became no record, by its place in its page, and why."""

    number: int
    item: Item
    reasons: tuple[FieldError, ...]
    is_keyed: bool


@dataclass(frozen=True)
class Sighting:
    """Records that a feed saw again and did not change."""

    feed: Feed
    at: datetime
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Fold:
    """What one transaction writes: `before` becomes `after`, all of it or nothing."""

    before: Standing
    after: Standing
    changes: tuple[Change, ...] = ()
    was: Mapping[int, Kept] = field(default_factory=dict)
    """By the version of a change that is no creation: the record as it was before."""
    written: tuple[Kept, ...] = ()
    removed: tuple[str, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    effects: Mapping[str, Effect] = field(default_factory=dict)
    """By the id of the page in the inbox."""
    aside: Mapping[str, tuple[Aside, ...]] = field(default_factory=dict)
    """Items that became no records, by the id of their page."""
