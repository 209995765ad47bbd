"""Whether a run is like those before it, or a change of the page made a selector die. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from scrapr.model.batch import Outcome, Run, State

PAST = 10
"""How many good runs a run is compared with."""
FALL = 0.5
"""The part of what is usual below which a run is not like those before it."""
MATTERS = 0.2
"""The usual fill rate from which a field is looked at; others are empty more often than not."""
ITEMS_LEAST = 5
"""Items that tell of a field, where those of other pages were not read again."""
FIELDS_SHOWN = 5
REASON_SHOWN = 2000


@dataclass(frozen=True, slots=True)
class Health:
    """What a run says about its configuration, and the reason if that is not good."""

    state: State
    reason: str | None = None


def judge(run: Run, past: Sequence[Run]) -> Health:
    """The health of `run`; `past` are the newest good runs of the same revision of its configuration."""
    if run.outcome in {"failed", "empty"}:
        return Health("broken", run.error)
    reasons = list(_reasons(run, past)) if past else []
    if run.outcome == "cut":
        reasons.insert(0, run.error or "cut")
    return Health("degraded", "; ".join(reasons)[:REASON_SHOWN]) if reasons else Health("healthy")


def says_nothing_new(run: Run) -> bool:
    """Whether the run read no page, because all are as they were: then the last run's faults are still there."""
    return run.outcome == "complete" and run.unchanged_pages > 0 and not run.matches and not run.items


def carry_on(found: Health, outcome: Outcome, last: Health) -> Health:
    """The health of a run that says nothing new, by itself `found`, after one with that `outcome` and health.

    What cut a run short is over when another is complete; a dead selector is still dead.
    """
    return last if outcome == "complete" and last.state == "degraded" else found


def _reasons(run: Run, past: Sequence[Run]) -> Iterator[str]:
    usual = median(_items(each) for each in past)
    # A run that was cut has fewer items for a reason that is told already.
    if run.outcome == "complete" and _items(run) < usual * FALL:
        yield f"{_items(run)} items, usually {usual:g}{_lost_link(run, past)}"
    fallen = list(_fallen(run, past))
    yield from fallen[:FIELDS_SHOWN]
    if len(fallen) > FIELDS_SHOWN:
        yield f"and {len(fallen) - FIELDS_SHOWN} more fields"


def _lost_link(run: Run, past: Sequence[Run]) -> str:
    """Whether the items are few because no page was found to have a next one."""
    is_dead = run.matches.get("paginate") == 0 and not run.unchanged_pages
    had = any(each.matches.get("paginate") for each in past)
    return ": paginate matches nothing any more" if is_dead and had else ""


def _fallen(run: Run, past: Sequence[Run]) -> Iterator[str]:
    if run.items < ITEMS_LEAST and run.unchanged_pages:
        return
    before = [_rates(each) for each in past]
    for name, rate in _rates(run).items():
        usual = median([each[name] for each in before if name in each] or [0.0])
        if usual >= MATTERS and rate < usual * FALL:
            yield f"{name} is filled in {rate:.0%} of the items, usually in {usual:.0%}{_cause(run, name)}"


def _rates(run: Run) -> dict[str, float]:
    """How much of each field is filled, and of those within it (`address.city`) by what their selectors found."""
    inner = {
        name: min(1.0, max(0, found - run.unconverted.get(name, 0)) / run.items)
        for name, found in run.matches.items()
        if "." in name and run.items
    }
    return {**inner, **run.fill}


def _cause(run: Run, name: str) -> str:
    if run.matches.get(name) == 0:
        return ": its selector matches nothing any more"
    if lost := run.unconverted.get(name):
        return f": {lost} values could not be converted"
    return ""


def _items(run: Run) -> int:
    return run.items + run.unchanged_items
