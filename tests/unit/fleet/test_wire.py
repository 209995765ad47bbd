"""What the zygote and its clients say survives the way."""

from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapr.fleet import wire
from scrapr.fleet.replica import Replica, ReplicaSpec
from scrapr.model import errors

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
pairs = st.dictionaries(words, words, max_size=3)
specs = st.builds(ReplicaSpec, words, words, pairs, pairs, st.none() | words)
requests = (
    st.builds(wire.Start, specs)
    | st.builds(wire.Stop, words, st.floats(0, 3600))
    | st.just(wire.Census())
    | st.just(wire.Watch())
)
replicas = st.builds(
    Replica,
    words,
    words,
    pairs,
    st.integers(1, 2**22),
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from(["running", "exited"]),
    st.none() | st.integers(-64, 255),
)


@given(requests)
def test_a_request_is_one_line_and_read_as_it_was_written(request: wire.Request) -> None:
    line = wire.encode(request)
    assert line.count(b"\n") == 1
    assert wire.decode_request(line) == request


@given(st.lists(replicas, max_size=3).map(tuple))
def test_an_answer_is_read_as_it_was_written(told: tuple[Replica, ...]) -> None:
    assert wire.decode_answer(wire.encode(wire.Answer(told))) == wire.Answer(told)


@given(st.binary(max_size=50))
def test_any_bytes_are_a_request_or_malformed(line: bytes) -> None:
    with pytest.raises(errors.Malformed):
        wire.decode_request(b"\xff" + line)


@pytest.mark.parametrize("grace", [b"-1", b"NaN", b"1e9", b'"soon"'])
def test_a_grace_that_is_no_short_time_is_malformed(grace: bytes) -> None:
    with pytest.raises(errors.Malformed):
        wire.decode_request(b'{"op":"stop","name":"a","grace":' + grace + b"}")


def test_what_went_wrong_is_raised_by_its_family() -> None:
    with pytest.raises(errors.Refused, match="no such folder"):
        wire.decode_answer(wire.encode(wire.Answer(refused="no such folder")))
    with pytest.raises(errors.Unavailable, match="stopping"):
        wire.decode_answer(wire.encode(wire.Answer(unavailable="stopping")))
    with pytest.raises(errors.Damaged):
        wire.decode_answer(b"[]")
