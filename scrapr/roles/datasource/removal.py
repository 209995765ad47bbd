"""Whether a run that ended may remove the records that it did not see, and what removing them is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from scrapr.model.change import Change
from scrapr.roles.datasource.standing import Effect, End, Fold, Kept, Standing, Unseen


def is_whole(end: End, effects: Mapping[int, Effect]) -> bool:
    """Whether all pages of the run came and were reduced; `effects` has those that were, by their numbers."""
    return all(page in effects for page in range(1, end.pages + 1))


def why_keep(end: End, effects: Sequence[Effect], *, whole: bool) -> str | None:
    """The reason why the unseen records stay; None where they go, as far as the run itself can tell."""
    held, seen = _held(effects), sum(effect.fresh for effect in effects)
    unchanged = end.unchanged_pages > 0
    reasons = (
        (end.configuration is None, "no configuration"),
        (end.outcome != "complete", f"outcome {end.outcome}"),
        (not whole, f"{len(effects)} of {end.pages} pages came"),
        (unchanged and not end.pages, "no page has changed"),
        (len(end.unchanged) < end.unchanged_pages, "not all unchanged pages were named"),
        (not unchanged and (not end.items or not seen), "no items"),
        (not unchanged and held - seen > held * end.fall, _fall(held, seen)),
    )
    return next((reason for applies, reason in reasons if applies), None)


def why_keep_many(
    end: End, effects: Sequence[Effect], standing: Standing, unseen: Unseen, count: int
) -> str | None:
    """The reason why `count` unseen records are too many to go, where unchanged pages hold others in place.

    The answer is the same after a part of them went.
    """
    held = max(_held(effects), standing.held.get(unseen.configuration, 0))
    seen = standing.held.get(unseen.configuration, 0) - count
    return _fall(held, seen) if held - seen > held * end.fall else None


def _fall(held: int, seen: int) -> str:
    return f"a fall from {held} records to {seen}"


def find_unseen(end: End, effects: Sequence[Effect]) -> Unseen | None:
    """Which records the run did not see; None where nobody can tell."""
    if end.configuration is None:
        return None
    since = min((effect.order for effect in effects), default=0)
    return Unseen(end.configuration, since, end.unchanged)


def _held(effects: Sequence[Effect]) -> int:
    first = min(effects, key=lambda effect: effect.order, default=None)
    return first.held if first else 0


def forget(standing: Standing, end: End, unseen: Sequence[Kept], *, is_last: bool) -> Fold:
    """End a run: `unseen` lose its configuration, and go where nobody else feeds them.

    They may come in several parts; only with the last one is the end itself reduced.
    """
    at = standing.time_of(end.received_at)
    left = [
        kept._replace(feeds=tuple(feed for feed in kept.feeds if feed.configuration != end.configuration))
        for kept in unseen
    ]
    gone = [kept for kept in left if not kept.feeds]
    changes = tuple(
        Change(
            collection=standing.name,
            version=standing.version + number,
            key=kept.key,
            op="remove",
            before=kept.values,
            after=None,
            run=end.run,
            at=at,
        )
        for number, kept in enumerate(gone, start=1)
    )
    held = dict(standing.held)
    if end.configuration is not None and unseen:
        held[end.configuration] = max(0, held.get(end.configuration, 0) - len(unseen))
    after = replace(
        standing,
        version=standing.version + len(changes),
        records=standing.records - len(gone),
        order=standing.order + is_last,
        updated_at=at if changes else standing.updated_at,
        held={configuration: count for configuration, count in held.items() if count},
    )
    return Fold(
        before=standing,
        after=after,
        changes=changes,
        was={change.version: kept for change, kept in zip(changes, gone, strict=True)},
        written=tuple(kept for kept in left if kept.feeds),
        removed=tuple(kept.key for kept in gone),
        effects={end.id: Effect(order=after.order)} if is_last else {},
    )
