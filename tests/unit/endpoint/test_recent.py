"""Listeners are told what comes next, or that it cannot be told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scrapr.model.change import Change
from scrapr.model.times import now
from scrapr.roles.endpoint.recent import ASKED, PIECE, Piece, Recent, Replay, Reset, write


def changes(first: int, last: int, *, text: str = "") -> list[Change]:
    return [
        Change(collection="letters", version=each, key=str(each), op="create", after={"text": text}, at=now())
        for each in range(first, last + 1)
    ]


def recent(*, most: int = 10, most_bytes: int = 10**6) -> Recent:
    made = Recent(most=most, most_bytes=most_bytes)
    made.follow(0)
    return made


def versions(step: object) -> list[int]:
    assert isinstance(step, Piece)
    return [each.version for each in step.told]


def test_what_follows_is_told_from_memory() -> None:
    kept = recent()
    kept.follow(3, changes(1, 3))
    assert versions(kept.after(0, 0)) == [1, 2, 3]
    assert versions(kept.after(2, 0)) == [3]
    assert kept.after(3, 0) is None


def test_all_listeners_are_told_the_same_bytes() -> None:
    kept = recent()
    kept.follow(2, changes(1, 2))
    one, other = kept.after(1, 0), kept.after(1, 0)
    assert isinstance(one, Piece)
    assert one is other
    assert one.frames.startswith(b"id: 2\nevent: change\ndata: {")
    assert one.frames.endswith(b"}\n\n")


def test_before_there_is_anything_there_is_nothing_to_tell() -> None:
    assert Recent(most=1, most_bytes=1).after(0, 0) is None


def test_what_is_not_kept_is_asked_for() -> None:
    kept = recent(most=2)
    kept.follow(5, changes(1, 5))
    assert kept.after(2, 0) == Replay(2)
    assert versions(kept.after(3, 0)) == [4, 5]
    assert kept.after(7, 0) == Replay(7)  # whether there is a 7 is for the datasource to say
    kept.follow(9)
    assert kept.after(5, 0) == Replay(5)
    assert kept.after(9, 0) is None


def test_what_one_listener_asked_for_is_there_for_all_others() -> None:
    kept = recent(most=1)
    kept.follow(5, changes(1, 5))
    piece = Piece(write(changes(3, 4)))
    kept.learn(2, piece)
    assert kept.after(2, 0) is piece
    assert kept.after(1, 0) == Replay(1)
    for since in range(100, 100 + ASKED):
        kept.learn(since, piece)
    assert kept.after(2, 0) == Replay(2)
    kept.follow(1)
    assert kept.after(100, 1) == Replay(100)


def test_a_collection_that_began_anew_makes_all_versions_void() -> None:
    kept = recent()
    kept.follow(3, changes(1, 3))
    kept.follow(1)
    kept.follow(3, changes(2, 3))
    assert kept.after(3, 0) == Reset(3, "the collection began anew")
    assert kept.after(3, kept.anew) is None


def test_the_same_copy_loaded_again_changes_nothing() -> None:
    kept = recent()
    kept.follow(3, changes(1, 3))
    kept.follow(3)
    assert versions(kept.after(1, 0)) == [2, 3]


def test_bytes_are_bounded_and_the_newest_stays() -> None:
    kept = recent(most_bytes=1000)
    kept.follow(4, changes(1, 4, text="x" * 2000))
    assert kept.after(2, 0) == Replay(2)
    assert versions(kept.after(3, 0)) == [4]
    assert not kept.keeps_after(2)
    assert kept.keeps_after(3)


def test_a_piece_is_no_larger_than_it_must() -> None:
    kept = recent(most=100, most_bytes=10**8)
    kept.follow(50, changes(1, 50, text="x" * (PIECE // 5)))
    assert len(versions(kept.after(0, 0))) == 5


@given(
    most=st.integers(1, 8),
    most_bytes=st.integers(1, 2000),
    steps=st.lists(st.integers(1, 6), max_size=8),
    since=st.integers(0, 40),
)
def test_listening_is_gapless_or_says_that_it_is_not(
    most: int, most_bytes: int, steps: list[int], since: int
) -> None:
    kept = recent(most=most, most_bytes=most_bytes)
    latest = 0
    for count in steps:
        kept.follow(latest + count, changes(latest + 1, latest + count))
        latest += count
    heard, at = [], since
    while isinstance(step := kept.after(at, 0), Piece):
        heard += versions(step)
        at = step.version
    if step is None:
        assert heard == list(range(since + 1, latest + 1))
    else:
        assert step == Replay(since)
        assert heard == []
        assert since > latest or not kept.keeps_after(since)
