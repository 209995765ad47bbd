"""What a check of a part of the cluster found, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Finding(BaseModel):
    """One part, how it is, and the advice for whoever runs it; a `bad` one needs a person now."""

    model_config = ConfigDict(frozen=True)

    part: str
    state: Literal["good", "warning", "bad"]
    found: str
    advice: str = ""


def good(part: str, found: str) -> Finding:
    """All is well."""
    return Finding(part=part, state="good", found=found)


def warning(part: str, found: str, advice: str) -> Finding:
    """Works, but not for sure for long."""
    return Finding(part=part, state="warning", found=found, advice=advice)


def bad(part: str, found: str, advice: str) -> Finding:
    """Does not work."""
    return Finding(part=part, state="bad", found=found, advice=advice)


def judge_version(part: str, version: str, least: tuple[int, int]) -> Finding:
    """Whether a server is new enough."""
    numbers = tuple(int(each) for each in version.split(".")[:2])
    if numbers < least:
        return bad(part, f"version {version}", "install {}.{} or later".format(*least))
    return good(part, f"version {version}")


def judge_clock(part: str, skew: float) -> Finding:
    """`skew`: seconds by which the clock of a server is ahead of this one's. Claims and tokens live by clocks."""
    told = f"{abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} this machine"
    if abs(skew) < 1:
        return good(part, told)
    advice = "let all machines follow the same time server (chrony or systemd-timesyncd)"
    return warning(part, told, advice) if abs(skew) < 5 else bad(part, told, advice)


def judge_disk(part: str, used: float, total: float) -> Finding:
    """How full a disk is; bytes."""
    share = used / total if total else 1.0
    told = f"{share:.0%} of {total / 2**30:.0f} GiB used"
    if share < 0.8:
        return good(part, told)
    advice = "make room or a larger disk; old batches and changes go after their retention (docs/settings.md)"
    return warning(part, told, advice) if share < 0.9 else bad(part, told, advice)


def judge_members(part: str, members: Mapping[str, str], *, leader: str | None) -> Finding:
    """`members`: the state of each by name, empty where it is well; `leader`: who leads, if anybody does."""
    away = {name: state for name, state in members.items() if state}
    told = f"{len(members) - len(away)} of {len(members)} members are well, {leader or 'nobody'} leads"
    if away:
        told += "; " + ", ".join(f"{name}: {state}" for name, state in sorted(away.items()))
    if leader is None:
        return bad(
            part, told, "bring back so many members that most of them run (docs/operations.md, quorum)"
        )
    if away:
        return warning(part, told, "bring the missing members back before another one is lost")
    if len(members) < 3:
        return warning(part, told, "three members let one be lost without losing writes")
    return good(part, told)


def worst(findings: Sequence[Finding]) -> Literal["good", "warning", "bad"]:
    """How it is as a whole."""
    states = {each.state for each in findings}
    return "bad" if "bad" in states else "warning" if "warning" in states else "good"
