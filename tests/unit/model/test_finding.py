"""What `scrapr doctor` makes of what it finds."""

from __future__ import annotations

import pytest

from scrapr.discovery.checkup import judge_role
from scrapr.fleet.checkup import judge_nodes
from scrapr.model import finding
from scrapr.storage.checkup import judge_redis, judge_set, judge_sources
from scrapr.web.checkup import judge_certificate

DAY = 86400


@pytest.mark.parametrize(
    ("judged", "state", "words"),
    [
        (finding.judge_version("Redis", "6.2.14", (6, 2)), "good", "6.2.14"),
        (finding.judge_version("Redis", "6.0.16", (6, 2)), "bad", "install 6.2"),
        (finding.judge_version("MongoDB", "10.0.1", (6, 0)), "good", "10.0.1"),
        (finding.judge_clock("clock", 0.4), "good", "0.4 s ahead"),
        (finding.judge_clock("clock", -2), "warning", "2.0 s behind this machine"),
        (finding.judge_clock("clock", 60), "bad", "time server"),
        (finding.judge_disk("disk", 2**30, 10 * 2**30), "good", "10% of 10 GiB"),
        (finding.judge_disk("disk", 85, 100), "warning", "make room"),
        (finding.judge_disk("disk", 95, 100), "bad", "make room"),
        (finding.judge_members("set", {"a": "", "b": "", "c": ""}, leader="a"), "good", "3 of 3"),
        (finding.judge_members("set", {"a": "", "b": "", "c": "gone"}, leader="a"), "warning", "c: gone"),
        (finding.judge_members("set", {"a": ""}, leader="a"), "warning", "three members"),
        (
            finding.judge_members("set", {"a": "", "b": "gone", "c": "gone"}, leader=None),
            "bad",
            "nobody leads",
        ),
        (judge_role("endpoint", {"1", "2"}, 3), "good", "3 present, version 1 and 2"),
        (judge_role("endpoint", set(), 0), "bad", "docker service ls -f name=scrapr_endpoint"),
        (judge_certificate(100 * DAY), "good", "100 days"),
        (judge_certificate(3 * DAY), "warning", "renew it now"),
    ],
)
def test_each_part_has_a_state_and_bad_news_an_advice(
    judged: finding.Finding, state: str, words: str
) -> None:
    assert judged.state == state
    assert words in f"{judged.found} {judged.advice}"
    assert judged.advice or state == "good"


def test_members_that_follow_another_than_the_primary_are_told() -> None:
    followed = {"a:1": "", "b:1": "a:1", "c:1": "b:1"}
    members = [
        {"name": name, "stateStr": "SECONDARY" if source else "PRIMARY", "syncSourceHost": source}
        for name, source in followed.items()
    ]
    [told] = judge_sources({"members": members})
    assert (told.state, told.found) == ("warning", "c:1")
    assert "chainingAllowed: false" in told.advice
    assert not list(judge_sources({"members": members[:2]}))
    assert not list(judge_sources({"members": members[1:]}))  # no primary is worse, and told elsewhere


def test_a_replica_set_without_a_primary_is_bad() -> None:
    members = [
        {"name": "a:1", "stateStr": "SECONDARY"},
        {"name": "b:1", "stateStr": "(not reachable/healthy)"},
    ]
    assert judge_set({"members": members}).state == "bad"
    members.append({"name": "c:1", "stateStr": "PRIMARY"})
    judged = judge_set({"members": members})
    assert (judged.state, "c:1 leads" in judged.found, "b:1: (not reachable" in judged.found) == (
        "warning",
        True,
        True,
    )


def test_redis_is_told_by_its_replica_its_file_and_its_memory() -> None:
    told = {"role": "master", "connected_slaves": 1, "aof_enabled": 1, "maxmemory": 0, "used_memory": 1}
    assert [each.state for each in judge_redis(told)] == ["good", "good"]
    full = {"maxmemory": 100, "maxmemory_policy": "noeviction", "used_memory": 95, "used_memory_human": "95B"}
    assert [each.part for each in judge_redis(told | full) if each.state == "bad"] == ["Redis's memory"]
    assert [each.part for each in judge_redis(told | {"role": "slave"}) if each.state == "bad"] == [
        "Redis's role"
    ]


def test_a_swarm_is_told_by_its_nodes_and_who_leads_them() -> None:
    def node(name: str, state: str, *, leads: bool = False) -> dict[str, object]:
        found: dict[str, object] = {"Description": {"Hostname": name}, "Status": {"State": state}}
        return found | ({"ManagerStatus": {"Leader": True}} if leads else {})

    well = [node("a", "ready", leads=True), node("b", "ready"), node("c", "ready")]
    assert judge_nodes(well).state == "good"
    assert "b: down" in judge_nodes([well[0], node("b", "down"), well[2]]).found


def test_the_whole_is_as_bad_as_its_worst_part() -> None:
    parts = [finding.good("a", ""), finding.warning("b", "", "do")]
    assert finding.worst(parts) == "warning"
    assert finding.worst([*parts, finding.bad("c", "", "do")]) == "bad"
    assert finding.worst(parts[:1]) == "good"
