"""What an endpoint does with what the datasource tells: by version, whatever is lost, doubled or late."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapr.model.change import Change, Changes, differ
from scrapr.model.item import Item
from scrapr.roles.endpoint import follow, row
from scrapr.roles.endpoint.follow import Apply, Ask, Begin, Reload, Torn
from scrapr.roles.endpoint.row import Row

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
Rows = dict[str, Row]
values: st.SearchStrategy[Item] = st.dictionaries(
    st.sampled_from(["price", "timestamp", "ünï"]),
    st.none() | st.integers(0, 3) | st.text(max_size=3),
    max_size=3,
)


@st.composite
def histories(draw: st.DrawFn) -> list[Change]:
    """The changes of a collection from its beginning, as a datasource makes them."""
    now: dict[str, Item] = {}
    changes: list[Change] = []
    for key, new in draw(st.lists(st.tuples(st.sampled_from("abcd"), st.none() | values), max_size=30)):
        before, version, at = now.get(key), len(changes) + 1, START + timedelta(seconds=len(changes))
        if new is None and before is not None:
            changes.append(
                Change(collection="c", version=version, key=key, op="remove", before=now.pop(key), at=at)
            )
        elif new is not None and before is None:
            changes.append(Change(collection="c", version=version, key=key, op="create", after=new, at=at))
            now[key] = new
        elif new is not None and before is not None and new != before:
            old, fresh = differ(before, new)
            changes.append(
                Change(collection="c", version=version, key=key, op="update", before=old, after=fresh, at=at)
            )
            now[key] = new
    return changes


def apply(rows: Rows, changes: Sequence[Change], *, settled: int = 0) -> Rows:
    """The rows after `changes`."""
    effect = follow.fold(rows, changes, settled=settled)
    assert effect.gone <= rows.keys()
    return {key: each for key, each in {**rows, **effect.put}.items() if key not in effect.gone}


def shown(rows: Rows) -> dict[str, tuple[int, int, Item]]:
    return {key: (each.created, each.version, each.values) for key, each in rows.items()}


def told(history: Sequence[Change], since: int, version: int, latest: int | None = None) -> Changes:
    changes = tuple(history[since:version])
    return Changes(
        collection="c",
        since=since,
        version=version,
        latest=len(history) if latest is None else latest,
        changes=changes,
    )


def test_an_answer_from_a_collection_that_is_behind_the_copy_leads_to_a_reload() -> None:
    behind = Changes(collection="c", since=9, version=9, latest=5, changes=())
    assert follow.read(9, behind) == follow.Reload("began anew")


@given(histories(), st.lists(st.integers(0, 30)))
def test_changes_give_the_same_rows_however_they_are_cut(history: list[Change], cuts: list[int]) -> None:
    rows: Rows = {}
    ends = sorted({min(cut, len(history)) for cut in cuts} | {len(history)})
    begin = 0
    for end in ends:
        rows = apply(rows, history[begin:end])
        begin = end
    assert rows == apply({}, history)


@given(histories())
def test_rows_hold_the_values_of_the_last_change(history: list[Change]) -> None:
    expected: dict[str, Item] = {}
    for change in history:
        if change.op == "remove":
            del expected[change.key]
        else:
            old = expected.get(change.key, {}) if change.op == "update" else {}
            gone = (change.before or {}).keys() - (change.after or {}).keys()
            expected[change.key] = {k: v for k, v in old.items() if k not in gone} | (change.after or {})
    assert {key: values for key, (_, _, values) in shown(apply({}, history)).items()} == expected


@given(histories(), st.data())
def test_a_copy_read_while_the_collection_went_on_becomes_right(
    history: list[Change], data: st.DataObject
) -> None:
    """Each record was read at a time of its own, no earlier than the copy's version."""
    version = data.draw(st.integers(0, len(history)))
    rows: Rows = {}
    settled = version
    for key in "abcd":
        seen = data.draw(st.integers(version, len(history)))
        settled = max(settled, seen)
        if (found := apply({}, history[:seen]).get(key)) is not None:
            rows[key] = found
    assert apply(rows, history[version:], settled=settled) == apply({}, history)


@given(histories())
def test_changes_that_are_known_change_nothing(history: list[Change]) -> None:
    rows = apply({}, history)
    assert apply(rows, history, settled=len(history)) == rows


def test_an_update_of_a_record_that_the_copy_should_have_tears_it() -> None:
    update = Change(collection="c", version=7, key="a", op="update", before={}, after={"x": 1}, at=START)
    assert follow.fold({}, [update], settled=7).put == {}
    with pytest.raises(Torn, match="7"):
        follow.fold({}, [update], settled=6)


@given(histories(), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=10))
def test_pushes_in_any_order_lead_to_the_present(
    history: list[Change], pushes: list[tuple[int, int]]
) -> None:
    """Some are lost, some come twice, some overlap; a gap is asked for, and the last word is judged."""
    rows: Rows = {}
    version = 0

    def ask() -> None:
        nonlocal rows, version
        while step := follow.read(version, told(history, version, min(version + 3, len(history)))):
            assert isinstance(step, Apply)
            rows, version = apply(rows, step.changes), step.changes[-1].version

    for since, until in pushes:
        push = told(
            history, min(since, len(history)), max(min(until, len(history)), min(since, len(history)))
        )
        match follow.hear(version, push):
            case Apply(changes):
                rows, version = apply(rows, changes), changes[-1].version
            case Ask(asked):
                assert asked == version
                ask()
    match follow.judge(version, len(history), far=1000):
        case Ask():
            ask()
        case None:
            pass
        case other:
            raise AssertionError(other)
    assert (rows, version) == (apply({}, history), len(history))


@pytest.mark.parametrize(
    ("version", "latest", "step"),
    [
        (None, 0, Begin()),
        (None, 3, Reload("never seen")),
        (3, 3, None),
        (3, 5, Ask(3)),
        (3, 13, Ask(3)),
        (3, 14, Reload("far behind")),
        (3, 2, Reload("began anew")),
        (3, 0, Reload("began anew")),
    ],
)
def test_where_the_datasource_is_tells_what_to_do(
    version: int | None, latest: int, step: follow.Step
) -> None:
    assert follow.judge(version, latest, far=10) == step


def test_a_push_that_only_tells_of_changes_is_asked_for() -> None:
    push = Changes(collection="c", since=3, version=3, latest=5000, changes=())
    assert follow.hear(3, push) == Ask(3)
    assert follow.hear(5000, push) is None


def test_changes_that_the_datasource_no_longer_has_mean_a_new_copy() -> None:
    history = [_create(version) for version in range(1, 10)]
    assert isinstance(follow.read(2, told(history, 2, 2)), Reload)
    assert isinstance(follow.read(2, _stretch(2, history[5:])), Reload)
    assert isinstance(follow.read(2, _stretch(2, [*history[2:4], *history[5:]])), Reload)
    assert follow.read(9, told(history, 9, 9)) is None
    assert follow.read(10, told(history, 9, 9)) == Reload("began anew")


def _create(version: int) -> Change:
    return Change(collection="c", version=version, key=str(version), op="create", after={}, at=START)


def _stretch(since: int, changes: Iterable[Change]) -> Changes:
    known = tuple(changes)
    return Changes(collection="c", since=since, version=9, latest=9, changes=known)


@given(st.text(max_size=5), st.integers(1, 2**53), values)
def test_a_packed_row_is_unpacked(key: str, version: int, record: Item) -> None:
    made = row.make(key, 1, version, record, START)
    assert row.unpack(key.encode("utf-8", "surrogatepass"), row.pack(made)) == made
    assert made.values == record


@pytest.mark.parametrize("damaged", [b"", b"1 2 1", b"one 2 1 {}", b"{}"])
def test_what_is_no_packed_row_is_refused(damaged: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        row.unpack(b"key", damaged)


def test_a_timestamp_of_the_item_is_not_taken_for_ours() -> None:
    stamped = row.make("a", 1, 1, {"title": "a"}, START)
    own = row.make("a", 1, 1, {"title": "a", "timestamp": "then"}, START)
    assert stamped.body == b'{"title":"a","timestamp":"2026-01-02T03:04:05.000Z"}'
    assert (stamped.values, own.values) == ({"title": "a"}, {"title": "a", "timestamp": "then"})
