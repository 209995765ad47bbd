from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scrapr.model.change import differ
from scrapr.model.record import Record
from scrapr.roles.datasource.rewind import Rewinding, Undo

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
VALUES = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2) | st.none() | st.booleans())


def record(version: int, values: dict[str, Any]) -> Record:
    at = START + timedelta(seconds=version)
    return Record(
        key="k", values=values, created=1, version=version, first_seen=START, last_seen=at, changed_at=at
    )


@given(st.lists(VALUES, min_size=1, max_size=8), st.data())
def test_undoing_in_any_order_gives_each_earlier_record(steps: list[dict[str, Any]], data: Any) -> None:
    past = [record(version, values) for version, values in enumerate(steps, start=1)]
    undos = [Undo(new.version, *differ(old.values, new.values), old) for old, new in pairwise(past)]
    for known in past:
        rewinding = Rewinding(past[-1])
        for undo in data.draw(st.permutations([each for each in undos if each.version > known.version])):
            rewinding.take_back(undo)
        assert rewinding.record() == known
