"""From works to a table, and to each goal with its figure and its verdict. Ratios are paired: of one round each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from bench.work import Spread, Work

if TYPE_CHECKING:
    from bench.engine import Results

Rows: TypeAlias = Mapping[str, Sequence[Work]]
MEMORY_MOST = 400
AGAIN_LEAST = 4.0
DELAYED_LEAST = 5.0
COST_MOST = 1.2
RATES_LEAST = {"seq": 1.0, "ind16": 1.2}
PEERS_LEAST = {"scrapy": 5.0, "x-ray": 8.0, "goquery": 1.2}


@dataclass(frozen=True)
class Verdict:
    """A goal and what was measured; without a figure where something was not measured."""

    what: str
    goal: str
    figure: str
    holds: bool | None

    def __str__(self) -> str:
        """One line."""
        word = {True: "holds", False: "SHORT", None: "-"}[self.holds]
        return f"{self.what:62} {self.goal:10} {self.figure:26} {word}"


def table(modes: Mapping[str, Rows]) -> str:
    """Each row of each mode: medians with least and most."""
    lines = [
        f"{'mode':6} {'row':15} {'pages/s':>18} {'÷ floor':>18} {'CPU ms a page':>18} {'÷ floor':>18}  others' CPU"
    ]
    for mode, rows in modes.items():
        floor = rows.get("floor", ())
        for name, works in rows.items():
            cells = [
                Spread.of(each.rate for each in works).shown(0),
                _cell(works, floor, _rate),
                Spread.of(each.cost for each in works).shown(2),
                _cell(works, floor, _cost),
            ]
            lines.append(
                f"{mode:6} {name:15} " + " ".join(f"{cell:>18}" for cell in cells) + f"  {_others(works)}"
            )
    return "\n".join(lines)


def judge(results: Results, missing: Mapping[str, str]) -> str:
    """Every goal with its verdict."""
    verdicts = [
        *_against_floor(results.modes),
        *_against_peers(results.modes, missing),
        _least(
            "seq at 50 ms an answer, 8 at a host: pages/s ÷ Scrapy",
            DELAYED_LEAST,
            _paired(results.delayed.get("scrapr", ()), results.delayed.get("scrapy", ()), _rate),
        ),
        _least(
            "1,000 unchanged pages again: pages/s ÷ first pass",
            AGAIN_LEAST,
            _paired(results.again.get("again", ()), results.again.get("first", ()), _rate),
        ),
        _memory(results),
    ]
    return "\n".join(str(each) for each in verdicts)


def _against_floor(modes: Mapping[str, Rows]) -> Iterator[Verdict]:
    for mode, rows in modes.items():
        ratios = _paired(rows.get("scrapr", ()), rows.get("floor", ()), _cost)
        holds = Spread.of(ratios).median <= COST_MOST if ratios else None
        yield Verdict(f"{mode}: scraper's CPU a page ÷ floor", f"≤ {COST_MOST}", _shown(ratios), holds)
    for mode, least in RATES_LEAST.items():
        rows = modes.get(mode, {})
        yield _least(
            f"{mode}: pages/s ÷ floor", least, _paired(rows.get("scrapr", ()), rows.get("floor", ()), _rate)
        )


def _against_peers(modes: Mapping[str, Rows], missing: Mapping[str, str]) -> Iterator[Verdict]:
    for peer, least in PEERS_LEAST.items():
        for mode in RATES_LEAST:
            rows = modes.get(mode, {})
            ratios = _paired(rows.get("scrapr", ()), rows.get(peer, ()), _rate)
            note = " (not installed)" if peer in missing else ""
            yield _least(f"{mode}: pages/s ÷ {peer}{note}", least, ratios)


def _memory(results: Results) -> Verdict:
    what, goal = "scraper with 1,000 configurations: resident (proportional)", f"≤ {MEMORY_MOST} MiB"
    if (memory := results.memory) is None:
        return Verdict(what, goal, "not measured", None)
    figure = f"{memory.resident:.0f} ({memory.proportional:.0f}) MiB"
    return Verdict(what, goal, figure, memory.resident <= MEMORY_MOST)


def _least(what: str, least: float, ratios: Sequence[float]) -> Verdict:
    return Verdict(what, f"≥ {least}", _shown(ratios), Spread.of(ratios).median >= least if ratios else None)


def _shown(ratios: Sequence[float]) -> str:
    return Spread.of(ratios).shown(2) if ratios else "not measured"


def _paired(works: Sequence[Work], others: Sequence[Work], number: Callable[[Work], float]) -> list[float]:
    """The ratios round by round; none where one of the two is missing."""
    return [number(work) / number(other) for work, other in zip(works, others, strict=bool(works and others))]


def _cell(works: Sequence[Work], floor: Sequence[Work], number: Callable[[Work], float]) -> str:
    ratios = _paired(works, floor, number)
    return Spread.of(ratios).shown(2) if ratios else ""


def _others(works: Sequence[Work]) -> str:
    """The others' CPU a page, those that use any."""
    roles = {role for work in works for role in work.others}
    costs = {
        role: Spread.of(work.others.get(role, 0.0) / work.pages * 1e3 for work in works).median
        for role in roles
    }
    return ", ".join(f"{role} {cost:.2f}" for role, cost in sorted(costs.items()) if cost >= 0.01)


def _rate(work: Work) -> float:
    return work.rate


def _cost(work: Work) -> float:
    return work.cost
