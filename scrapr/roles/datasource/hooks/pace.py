"""What the answer of a receiver means, and which deliveries are next. Pure: time and chance are parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

GONE = 410


@dataclass(frozen=True, slots=True)
class Head:
    """The oldest delivery of one lane: those of one collection to one webhook, which are sent in their order."""

    id: str
    hook: str
    lane: str
    tries: int
    next_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """How a try ended: with a status, or with what went wrong."""

    status: int | None = None
    error: str | None = None
    retry_after: float | None = None
    forbidden: bool = False
    """The guard does not let this address pass, which another try would not change."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a delivery. `disables` tells that its webhook wants no more."""

    outcome: Literal["delivered", "again", "dead"]
    reason: str = ""
    next_at: datetime | None = None
    disables: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """What to send now, and the seconds until there may be more, None where nothing waits."""

    heads: tuple[Head, ...]
    wait: float | None


def judge(
    answer: Answer, *, created_at: datetime, now: datetime, delay: float, most: float, give_up: float
) -> Verdict:
    """What becomes of a delivery after `answer`; `delay` is the wait that its number of tries asks for.

    A receiver's Retry-After is kept to, up to `most` seconds. Redirects are not followed: they are failures.
    """
    if answer.status is not None and 200 <= answer.status < 300:
        return Verdict("delivered")
    reason = answer.error or f"status {answer.status}"
    if answer.status == GONE:
        return Verdict("dead", "status 410: the receiver wants no more", disables=True)
    if answer.forbidden:
        return Verdict("dead", reason)
    next_at = now + timedelta(seconds=max(delay, min(answer.retry_after or 0.0, most)))
    if next_at > created_at + timedelta(seconds=give_up):
        return Verdict("dead", reason)
    return Verdict("again", reason, next_at)


def choose(heads: Iterable[Head], busy: Iterable[Head], *, now: datetime, parallel: int) -> Choice:
    """The heads whose time has come, at most `parallel` of a webhook with those that are `busy` already."""
    sending = set(busy)
    lanes = {(head.hook, head.lane) for head in sending}
    load: Counter[str] = Counter(head.hook for head in sending)
    chosen, waits = [], []
    for head in sorted(heads, key=lambda each: each.next_at):
        if (head.hook, head.lane) in lanes:
            continue
        if head.next_at > now:
            waits.append((head.next_at - now).total_seconds())
        elif load[head.hook] < parallel:
            load[head.hook] += 1
            chosen.append(head)
    return Choice(tuple(chosen), min(waits, default=None))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of a Retry-After; a date is not read, the usual back-off will do."""
    text = headers.get("Retry-After", "")
    return float(text) if text.isdecimal() and len(text) < 10 else None
