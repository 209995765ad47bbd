"""What state a configuration is in. Pure: the time is a parameter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from scrapr.model.batch import ReducedRun
from scrapr.model.configuration import Configuration
from scrapr.model.inputs import required
from scrapr.model.state import Condition, ConfigurationState, GoodRun, LastRun


@dataclass(frozen=True, slots=True)
class Facts:
    """What config says of a configuration; `ttl` is None where it only runs when somebody asks with inputs."""

    configuration: str
    collection: str
    created_at: datetime
    ttl: int | None


@dataclass(frozen=True, slots=True)
class Patience:
    """After how many ttls without the end of a run a configuration is overdue, and seconds that this is at least."""

    ttls: float
    least: float


@dataclass(frozen=True, slots=True)
class Entry:
    """All that is known of one configuration. Without `facts` config has not told of it, or not yet."""

    state: ConfigurationState
    facts: Facts | None = None


def facts_of(configuration: Configuration) -> Facts:
    """What matters here of a configuration."""
    ttl = None if required(configuration.inputs) else configuration.ttl
    return Facts(configuration.id, configuration.collection, configuration.created_at, ttl)


def learn(
    before: Entry | None, facts: Facts, patience: Patience, now: datetime, holder: str | None = None
) -> Entry:
    """The entry after config told of its configuration, whose claim `holder` has."""
    if before is None:
        state = ConfigurationState(
            configuration=facts.configuration,
            collection=facts.collection,
            state="new",
            since=facts.created_at,
        )
        return settle(Entry(state, facts), patience, now, holder)
    told = before.state.model_copy(update={"collection": facts.collection})
    return settle(replace(before, state=told, facts=facts), patience, now, holder)


def note(before: Entry | None, run: ReducedRun, patience: Patience, now: datetime) -> Entry:
    """The entry after `run` was reduced; one that began before the newest that is known changes nothing."""
    last = None if before is None else before.state.last
    if before is not None and last is not None and last.started_at > run.started_at:
        return before
    told = {
        "collection": run.collection,
        "last": LastRun.model_validate(run, from_attributes=True),
        "good": _good(run, None if before is None else before.state.good),
    }
    fresh = ConfigurationState(
        configuration=run.configuration or "", collection=run.collection, state="new", since=now
    )
    entry = before or Entry(fresh)
    return settle(replace(entry, state=entry.state.model_copy(update=told)), patience, now)


def settle(entry: Entry, patience: Patience, now: datetime, holder: str | None = None) -> Entry:
    """The entry with the state that follows from its facts, its newest run and the time; `holder` has its claim."""
    state, due = entry.state, _due(entry, patience)
    condition, reason = _condition(entry, due, now, holder)
    same = condition == state.state
    told = {
        "state": condition,
        # How long it has been silent grows with each look; the reason is that of the moment at which it changed.
        "reason": state.reason if same and condition == "overdue" else reason,
        "since": state.since if same else now,
        "due_at": due,
    }
    return replace(entry, state=state.model_copy(update=told))


def _condition(
    entry: Entry, due: datetime | None, now: datetime, holder: str | None
) -> tuple[Condition, str | None]:
    last = entry.state.last
    if due is not None and entry.facts is not None and now >= due:
        since = last.finished_at if last else entry.facts.created_at
        held = f"{holder} holds it" if holder else "no scraper holds it"
        what = "no run has ended" if last else "no run has ever ended"
        silent = round((now - since).total_seconds())
        return "overdue", f"{what} for {silent} s, with a ttl of {entry.facts.ttl} s; {held}"
    return (last.state, last.reason) if last else ("new", None)


def _due(entry: Entry, patience: Patience) -> datetime | None:
    """When silence is too long: a run that takes long may come as much later."""
    if entry.facts is None or entry.facts.ttl is None:
        return None
    last = entry.state.last
    took = (last.finished_at - last.started_at).total_seconds() if last else 0.0
    since = last.finished_at if last else entry.facts.created_at
    return since + timedelta(seconds=max(patience.least, patience.ttls * (entry.facts.ttl + took)))


def _good(run: ReducedRun, before: GoodRun | None) -> GoodRun | None:
    if run.state != "healthy":
        return before
    return GoodRun(
        run=run.run,
        finished_at=run.finished_at,
        items=run.items + run.unchanged_items,
        pages=run.pages + run.unchanged_pages,
        # A run whose pages are all unchanged reads no items that could tell.
        fill=run.fill or (before.fill if before else {}),
    )
