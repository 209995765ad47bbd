"""When is each configuration due, which starts next, and what a change of claims means. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from pydantic import BaseModel, ConfigDict

from scrapr.model.claim import Claim


class Last(BaseModel):
    """What is remembered of a configuration's newest run.

    `started` is in seconds since 1970. `unfinished` counts runs in a row, this one included, that began and did
    not end: of a process that was killed, or stopped before they were done.
    """

    model_config = ConfigDict(frozen=True)

    revision: int
    started: float
    unfinished: int = 0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How the schedule breathes: the part of the ttl that jitter may take, and the first pause to recover."""

    jitter: float
    recover: float


def find_delay(last: Last | None, claim: Claim, rhythm: Rhythm, now: float) -> float:
    """Seconds from `now` (since 1970) to the next run; less than 0 where it is late, 0 for what never ran.

    Ticks that were missed are one run, because the next is counted from the start of the last. A run that
    never ended is made again at once, but a page that kills its scraper each time comes back ever later.
    """
    configuration = claim.configuration
    if last is None or last.revision != configuration.revision:
        return 0.0
    # A clock that was set back must not put the next run off for as long.
    started = min(last.started, now)
    if last.unfinished:
        pause = rhythm.recover * (2.0 ** min(last.unfinished - 1, 30) - 1)
        return started - now + min(pause, configuration.ttl)
    spread = rhythm.jitter * _spread(configuration.id, last.started)
    return started - now + configuration.ttl * (1 + spread)


def _spread(identity: str, started: float) -> float:
    """A number from -1 to 1 that is the same for the same run, so that a restart keeps the schedule."""
    digest = blake2b(f"{identity} {started}".encode(), digest_size=4).digest()
    return int.from_bytes(digest) / 0xFFFFFFFF * 2 - 1


def begin(last: Last | None, claim: Claim, now: float) -> Last:
    """What to remember when a run starts: as yet, it has not ended."""
    revision = claim.configuration.revision
    before = last.unfinished if last is not None and last.revision == revision else 0
    return Last(revision=revision, started=now, unfinished=before + 1)


def finish(last: Last) -> Last:
    """What to remember when the run ended by itself."""
    return last.model_copy(update={"unfinished": 0})


def renew(last: Last | None) -> Last | None:
    """What to remember under a new epoch: a run that the old one ended is made again at once."""
    if last is None or not last.unfinished:
        return last
    return last.model_copy(update={"unfinished": 1})


@dataclass(frozen=True, slots=True)
class Pick:
    """What starts now, and after how many seconds to look again; None: when something happens."""

    start: tuple[str, ...]
    wait: float | None


def pick(due: Mapping[str, float], now: float, room: int) -> Pick:
    """Choose among the configurations that do not run: those due longest first, as many as there is `room` for."""
    ready = sorted((identity for identity, at in due.items() if at <= now), key=lambda each: due[each])
    later = [at for at in due.values() if at > now]
    # Without room, the end of a run is what wakes.
    wait = min(later) - now if later and len(ready) < room else None
    return Pick(tuple(ready[: max(room, 0)]), wait)


@dataclass(frozen=True, slots=True)
class Turnover:
    """What a new set of claims brings: `revised` by a user, `retaken` under a new epoch alone."""

    gained: frozenset[str]
    revised: frozenset[str]
    retaken: frozenset[str]
    lost: frozenset[str]


def compare(before: Mapping[str, Claim], now: Mapping[str, Claim]) -> Turnover:
    """The difference between two sets of claims, by the configuration's id."""
    both = before.keys() & now.keys()
    revised = {each for each in both if _revision(before[each]) != _revision(now[each])}
    retaken = {each for each in both - revised if before[each].epoch != now[each].epoch}
    return Turnover(
        gained=frozenset(now.keys() - before.keys()),
        revised=frozenset(revised),
        retaken=frozenset(retaken),
        lost=frozenset(before.keys() - now.keys()),
    )


def _revision(claim: Claim) -> int:
    return claim.configuration.revision
