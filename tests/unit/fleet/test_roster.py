"""What the zygote remembers."""

from __future__ import annotations

from datetime import UTC, datetime

from scrapr.fleet.replica import ReplicaSpec
from scrapr.fleet.roster import Roster

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_an_exited_replica_is_told_until_its_name_is_started_again() -> None:
    roster = Roster()
    roster.note_start(ReplicaSpec("a", "scraper"), 1, NOW)
    assert roster.note_exit("a", 3).exit_code == 3
    assert [replica.state for replica in roster.all()] == ["exited"]
    assert roster.find_running("a") is None
    roster.note_start(ReplicaSpec("a", "scraper"), 2, NOW)
    assert [(replica.pid, replica.state, replica.exit_code) for replica in roster.all()] == [
        (2, "running", None)
    ]


def test_the_oldest_exits_are_forgotten_and_no_running_replica_is() -> None:
    roster = Roster(remembered_exits=2)
    for name in "abcde":
        roster.note_start(ReplicaSpec(name, "scraper"), ord(name), NOW)
    for name in "dbca":
        roster.note_exit(name, 0)
    assert [replica.name for replica in roster.all()] == ["e", "c", "a"]
    assert [replica.name for replica in roster.running()] == ["e"]
